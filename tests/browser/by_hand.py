"""The body of a small page with everything that the scripts look for."""

_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs="
_PICTURE = f'<td><img src="{_PIXEL}" alt="a sample"></td>'

# Model, number to sort by, text of the log-likelihood, hint, KL.
_ROWS = (
    ("vae", "-9.5", "≥ −9.50 ± 0.20", "K = 200\nMC 0.013", "12"),
    ("gan", None, "n/a", "the model has no posterior(x)", None),
    ("flow|x", "-10", "−10.0 ± 0.1", "exact", "1e-5"),
    ("beta_vae", "-123", "≥ −123 ± 4", "", "7"),
    ("copier", None, "n/a", "", "−0.5"),
)


def _row(model, value, text, hint, kl):
    sort = f' data-sort="{value}"' if value else ""
    title = f' title="{hint}"' if hint else ""
    note = '<a class="note" href="#note-1">1</a>' if model == "vae" else ""
    other = f'<td data-sort="{kl.replace("−", "-")}">{kl}</td>' if kl else "<td>–</td>"
    return (
        f'<tr data-model="{model}"><th scope="row">{model}</th>'
        f"<td{sort}{title}>{text}{note}</td>{other}<td>50 % &amp; more</td>{_PICTURE}</tr>"
    )


BODY = f"""
<h1>By hand</h1>
<div class="table-box" id="table-board" data-title="Board">
<div class="tools"></div>
<div class="scroll"><table class="data">
<thead><tr>
<th scope="col">Model</th>
<th scope="col" data-sort-method="number">log-likelihood <span class="unit">nats</span></th>
<th scope="col" data-sort-method="number">KL</th>
<th scope="col" data-sort-method="none">remark, "free"</th>
<th scope="col" data-sort-method="none">picture</th>
</tr></thead>
<tbody>{"".join(_row(*row) for row in _ROWS)}</tbody>
</table></div></div>
<p id="note-1">A footnote.</p>
<details class="section" id="samples"><summary>Samples</summary>
<p id="inside">What is inside.</p>
<details id="deeper"><summary>Deeper</summary>
<figure id="figure-vae" data-model="vae"><img src="{_PIXEL}" alt="a pixel" width="40" height="40">
</figure></details>
</details>
<details class="section" id="training" open><summary>Training</summary><p>Curves.</p></details>
"""
