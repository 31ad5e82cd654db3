"""Tables of texts, made once from numbers and written as text, Markdown, LaTeX and HTML."""
