"""What Chorally's connectors for Meta's platforms share of the Graph API; it is no connector itself.

A connector imports the modules and takes what it needs:

- ``auth``: ``GraphAuth.of(self.app, grant)``, the token in the header and ``appsecret_proof``.
- ``consent``: ``FACEBOOK`` and ``Login`` (code, short-lived, long-lived token), ``pages`` and ``OwnPage``.
- ``errors``: ``fault(answer, name=…, more={code: means})``, ``Transient``, and the words of the table: ``ended``,
  ``throttled``, ``passing``, ``refused``.
- ``hooks``: ``judge`` for ``verify``, ``entries`` for ``parse``.
- ``listing``: ``path``, ``Reader`` (pages and whole listings), ``next_query``.
- ``quota``: ``usage(answer)``, all usage headers.
- ``settings``: ``MetaApp`` to inherit from, ``VERSION``, ``GRAPH``.
- ``shapes``: ``Shape``, ``Id``, ``Instant``, ``Listing``, ``Person``, ``Created``, ``read``, ``read_value``.
- ``subscribing``: ``subscribe`` and ``unsubscribe`` by ``subscribed_apps``.
- ``messaging``: ``Messaging(channel, stream).events(entry, raw)``, the conversations of Messenger and Instagram.
- ``sending``: ``outgoing`` and ``sent``, the Send API with its window and the tag for human agents.
- ``uploading``: ``form``, a file that is streamed as a form.
- ``sandbox``: ``GraphTwin``, the base of twins (extra ``sandbox``).
"""

__all__: list[str] = []
