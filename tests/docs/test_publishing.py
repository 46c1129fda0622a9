"""What the how-to on posts tells is so, against the Facebook page of the sandbox."""

from tests.docs.following import ConnectPage, follow
from tests.docs.place import Place

PAGE = "docs/how-to/publish-posts.md"


async def test_a_post_goes_the_way_that_the_page_describes(place: Place, connect_page: ConnectPage) -> None:
    """Previewed, handed in, approved and seen on the page of the company, once; a series waits for its approval."""
    await connect_page()
    await follow(PAGE, place.shell())
    posts = [post for post in place.page.world.posts.values() if post.message == "We open at nine."]
    assert len(posts) == 1
