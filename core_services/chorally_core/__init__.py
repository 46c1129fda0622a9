"""Chorally's core: services, their back ends, the API and the command `chorally`."""
