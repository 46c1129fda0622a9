"""Refuses what does not go together."""

import re
import sys

if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", "{{ cookiecutter.platform }}"):
    sys.exit("platform: use lower case letters, digits and _, such as guestbook")
if ("{{ cookiecutter.subscribe }}", "{{ cookiecutter.webhooks }}") == ("yes", "no"):
    sys.exit("subscribe is of no use without webhooks; choose both")
if ("{{ cookiecutter.find }}", "{{ cookiecutter.reply }}") == ("yes", "no"):
    sys.exit("find is of no use without reply; choose both")
