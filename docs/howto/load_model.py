"""Train a small VAE, load it again, and look at what it makes."""

import genbench

genbench.run("digits", models=["vae"], seeds=1, settings={"train.epochs": 2}, report=False)

model = genbench.load_model("digits", "vae", seed=0)
data = genbench.load_data("digits", binarisation="dynamic")

x = data.test.x[:8]
reconstructions = model.decode(model.encode(x))
samples = model.sample(8)
print(reconstructions.shape, samples.shape)
assert reconstructions.shape == x.shape == samples.shape
