"""Score arrays of images that anybody made, beside controls made of the data."""

import numpy as np

import genbench

data = genbench.load_data("digits")
noise = np.random.default_rng(0).normal(0, 0.3, data.test.x.shape)
contestants = {
    "memorised": data.train.x[:500],
    "noisy": np.clip(data.test.x.numpy() + noise, 0, 1),
}
numbers = {}
for name, images in contestants.items():
    frame = genbench.score(images, "digits", name=name)
    metric = frame["metric"].str.partition("[")[0]
    for row in frame.assign(metric=metric).itertuples():
        numbers[row.model, row.metric] = row.value
    for flag in frame.attrs["flags"]:
        print(f"{name}: {flag}")
for row in ("real images", "external:memorised", "external:noisy"):
    fd, copies = (numbers[row, metric] for metric in ("fd", "authenticity"))
    print(f"{row:20} Fréchet distance {fd:5.2f}, not copied {100 * copies:3.0f} %")

# Copies have a smaller Fréchet distance than real images. Authenticity unmasks them.
assert numbers["external:memorised", "fd"] < numbers["real images", "fd"]
assert numbers["real images", "fd"] < numbers["external:noisy", "fd"]
assert numbers["external:memorised", "authenticity"] == 0 < numbers["real images", "authenticity"]
