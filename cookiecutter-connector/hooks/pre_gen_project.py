"""Refuses what does not go together."""

import re
import sys

if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", "{{ cookiecutter.platform }}"):
    sys.exit("platform: use lower case letters, digits and _, such as guestbook")
if ("{{ cookiecutter.subscribe }}", "{{ cookiecutter.webhooks }}") == ("yes", "no"):
    sys.exit("subscribe is of no use without webhooks; choose both")
if ("{{ cookiecutter.handshake }}", "{{ cookiecutter.webhooks }}") == ("yes", "no"):
    sys.exit("handshake is of no use without webhooks; choose both")
if ("{{ cookiecutter.fetch }}", "{{ cookiecutter.__reads }}") == ("yes", "no"):
    sys.exit("fetch is of no use without pull or webhooks; choose one of them")
if ("{{ cookiecutter.download }}", "{{ cookiecutter.pull }}") == ("yes", "no"):
    sys.exit("download is of no use without pull; choose both")
if ("{{ cookiecutter.prepare }}", "{{ cookiecutter.__writes }}") == ("yes", "no"):
    sys.exit("prepare is of no use without reply or publish; choose one of them")
if ("{{ cookiecutter.offers_templates }}", "{{ cookiecutter.reply }}") == ("yes", "no"):
    sys.exit("templates is of no use without reply; choose both")
if "{{ cookiecutter.discover }}" == "yes" and "{{ cookiecutter.auth }}" != "oauth":
    sys.exit("discover is of no use without a consent; choose the auth style oauth")
if ("{{ cookiecutter.find }}", "{{ cookiecutter.reply }}") == ("yes", "no"):
    sys.exit("find is of no use without reply; choose both")
