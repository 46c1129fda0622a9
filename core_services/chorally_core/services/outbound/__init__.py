"""The outbound service: conversations that we begin, one by one and by lists, with the consent of those we write to."""
