{% if cookiecutter.__settings == 'yes' %}
"""What whoever runs the app at {{ cookiecutter.title }} sets up."""

from pydantic import BaseModel, Field, SecretStr


class AppSettings(BaseModel):
    """The app at {{ cookiecutter.title }}."""

{% if cookiecutter.__client == 'yes' %}
    client_id: str = Field(title="Client id", description="Of the app, from the platform's developer pages.")
    client_secret: SecretStr = Field(title="Client secret", description="Of the app; never shown again.")
{% endif %}
{% if cookiecutter.__hook_secret == 'yes' %}
    webhook_secret: SecretStr = Field(title="Webhook secret", description="Signs what the platform sends.")
{% endif %}
{% if cookiecutter.handshake == 'yes' %}
    verify_token: SecretStr = Field(title="Verify token", description="Any long text; type it in there, too.")
{% endif %}
{% endif %}
