"""A page as a tree, so that tests ask for elements and not for characters."""

from html.parser import HTMLParser

VOID = {"br", "circle", "hr", "img", "input", "line", "link", "meta", "path", "wbr"}


class Node:
    """An element, its attributes, and what is in it: elements and texts."""

    def __init__(self, tag, attributes, parent=None):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.content = []

    def __getitem__(self, name):
        return self.attributes[name]

    @property
    def classes(self):
        return set((self.attributes.get("class") or "").split())

    @property
    def text(self):
        """Its words, with single spaces between them."""
        parts = (part if isinstance(part, str) else part.text for part in self.content)
        return " ".join("".join(parts).split())

    def walk(self):
        for part in self.content:
            if isinstance(part, Node):
                yield part
                yield from part.walk()

    def all(self, tag="", cls="", **attributes):
        """The elements inside it with this tag, class and attributes, in order."""
        return [
            node
            for node in self.walk()
            if tag in ("", node.tag) and (not cls or cls in node.classes)
            if all(node.attributes.get(k) == v for k, v in attributes.items())
        ]

    def one(self, *what, **attributes):
        (node,) = self.all(*what, **attributes)
        return node

    def within(self, tag, cls=""):
        """The nearest element around it with this tag and class, or None."""
        node = self.parent
        while node is not None and not (node.tag == tag and (not cls or cls in node.classes)):
            node = node.parent
        return node


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = self.open = Node("", {})

    def handle_starttag(self, tag, attributes):
        node = Node(tag, dict(attributes), self.open)
        self.open.content.append(node)
        if tag not in VOID:
            self.open = node

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.tag == tag, f"</{tag}> ends <{self.open.tag}>"
            self.open = self.open.parent

    def handle_data(self, data):
        self.open.content.append(data)


def parse(html):
    """The root of a page; an element that is closed in the wrong order fails the test."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open is builder.root
    return builder.root
