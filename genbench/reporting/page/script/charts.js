"use strict";
// Charts: points with intervals and curves, drawn when they come into sight, one colour a model.

{
  const LABELS_SHARE = 0.4;
  const LETTER = 6.5; // pixels
  const MARKS_ON_A_LINE = 12;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const ofPage = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /** A model's colour, a third of the way to white on dark paper. */
  const visible = (colour) => {
    const parts = colour.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
    const light = parts.map((part) => Math.round(part + (255 - part) / 3));
    return dark.matches ? `rgb(${light.join(", ")})` : colour;
  };

  /** A label that leaves a chart of this width more room than it takes itself. */
  const shortened = (text, width) => {
    const longest = Math.floor((LABELS_SHARE * width) / LETTER);
    return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  };

  const written = (value) => value.toLocaleString("en", { maximumSignificantDigits: 6, useGrouping: false }).replace("-", "−");

  const pointOf = ([x, y, low = null, high = null, ...hint]) => ({ x, y, low, high, hint });

  const datasetOf = (series) => {
    const colour = visible(series.colour);
    const step = Math.ceil(series.points.length / MARKS_ON_A_LINE);
    const radius = series.points.map((_, i) => (i % step === 0 ? 4.5 : 0));
    return {
      label: series.label,
      model: series.model,
      data: series.points.map(pointOf),
      showLine: series.line,
      borderColor: colour,
      borderDash: series.dash,
      borderWidth: 1.6,
      backgroundColor: series.hollow ? ofPage("--paper") : colour,
      clip: 8,
      pointStyle: series.marker,
      pointRotation: series.rotation,
      pointRadius: radius,
      pointHoverRadius: 6,
      pointHitRadius: 6,
      hidden: hiddenModels.has(series.model),
    };
  };

  /** The ends of an interval beside the axis of values. */
  const ends = (point) => [point.low, point.high].filter((end) => end !== null);

  /** A bar from the lower to the upper end of each interval. */
  const intervals = (along) => ({
    id: "intervals",
    beforeDatasetDraw: (chart, { meta }) => {
      const { ctx, scales } = chart;
      ctx.save();
      ctx.strokeStyle = chart.data.datasets[meta.index].borderColor;
      ctx.lineWidth = 1.6;
      ctx.beginPath();
      meta.data.forEach((drawn, i) => {
        const [low, high] = ends(chart.data.datasets[meta.index].data[i]).map((end) =>
          scales[along].getPixelForValue(end),
        );
        if (low === undefined) return;
        const { x, y } = drawn;
        const bar = along === "x" ? [[low, y], [high, y]] : [[x, low], [x, high]];
        ctx.moveTo(...bar[0]);
        ctx.lineTo(...bar[1]);
      });
      ctx.stroke();
      ctx.restore();
    },
  });

  /** Widen the axis of values to the intervals of the models that are shown. */
  const showIntervals = (scale) => {
    const { chart } = scale;
    const shown = chart.data.datasets.filter((_, i) => chart.isDatasetVisible(i));
    const all = shown.flatMap((dataset) => dataset.data.flatMap(ends));
    scale.min = Math.min(scale.min, ...all);
    scale.max = Math.max(scale.max, ...all);
  };

  const axisOf = (axis, holdsValues) => {
    const muted = ofPage("--muted");
    const options = {
      type: axis.type,
      title: { display: Boolean(axis.title), text: axis.title, color: muted },
      grid: { color: ofPage("--line") },
      border: { color: ofPage("--line") },
      ticks: { color: muted, maxRotation: 0, autoSkipPadding: 8 },
    };
    if (axis.labels) {
      Object.assign(options, { labels: axis.labels, offset: true });
      options.ticks = {
        color: ofPage("--ink"),
        autoSkip: false,
        callback(i) {
          return shortened(axis.labels[i], this.chart.width);
        },
      };
    } else options.ticks.callback = (value) => written(value);
    if (axis.ticks) {
      options.min = axis.ticks[0];
      options.max = axis.ticks.at(-1);
      options.afterBuildTicks = (scale) => (scale.ticks = axis.ticks.map((value) => ({ value })));
    }
    if (holdsValues) Object.assign(options, { grace: "4%", afterDataLimits: showIntervals });
    return options;
  };

  const hintOf = (data, { x, y, hint }) =>
    hint.length ? hint : `${data.x.title} ${written(x)}: ${written(y)}`;

  const tooltip = (data) => ({
    backgroundColor: ofPage("--ink"),
    titleColor: ofPage("--paper"),
    bodyColor: ofPage("--paper"),
    displayColors: false,
    callbacks: {
      title: ([item]) => item?.dataset.label,
      label: (item) => hintOf(data, item.raw),
    },
  });

  const optionsOf = (data) => ({
    animation: false,
    maintainAspectRatio: false,
    layout: { padding: { top: 6, right: 14 } },
    interaction: { mode: "nearest", intersect: false },
    scales: { x: axisOf(data.x, data.values === "x"), y: axisOf(data.y, data.values === "y") },
    plugins: { legend: { display: false }, tooltip: tooltip(data) },
  });

  const configOf = (data) => ({
    type: "scatter",
    data: { datasets: data.series.map(datasetOf) },
    options: optionsOf(data),
    plugins: [intervals(data.values)],
  });

  // The legend: a button per model

  const markOf = (series) => {
    const canvas = element("canvas", { width: 28, height: 28 });
    const context = canvas.getContext("2d");
    context.strokeStyle = context.fillStyle = visible(series.colour);
    context.lineWidth = 3;
    const style = { pointStyle: series.marker, rotation: series.rotation, radius: 10 };
    Chart.helpers.drawPoint(context, { ...style, borderWidth: 3 }, 14, 14);
    return canvas;
  };

  const showModel = (chart, model, shown) =>
    chart.data.datasets.forEach((dataset, i) => {
      if (dataset.model === model) chart.setDatasetVisibility(i, shown);
    });

  const press = (chart, key, shown) => {
    key.ariaPressed = String(shown);
    showModel(chart, key.value, shown);
  };

  const keyOf = (chart, series) => {
    const key = element("button", { type: "button", value: series.model }, markOf(series), series.model);
    key.addEventListener("click", () => {
      press(chart, key, key.ariaPressed !== "true");
      chart.update();
    });
    return key;
  };

  const followPage = (chart, keys) => {
    keys.forEach((key) => press(chart, key, !hiddenModels.has(key.value)));
    chart.update();
  };

  const firstOf = (data, model) => data.series.find((series) => series.model === model);

  const addKeys = (plot, chart, data) => {
    const models = [...new Set(data.series.map((series) => series.model))];
    const keys = models.map((model) => keyOf(chart, firstOf(data, model)));
    const all = (shown) => () => {
      keys.forEach((key) => press(chart, key, shown));
      chart.update();
    };
    const choices = models.length > 1 ? [button("all", all(true)), button("none", all(false))] : [];
    plot.after(element("div", { className: "keys" }, ...keys, ...choices));
    followPage(chart, keys);
    document.addEventListener("models", () => followPage(chart, keys));
    return keys;
  };

  /** Take over the colours of the paper when it turns dark or light. */
  const recolour = (chart, data, keys) => {
    chart.options = optionsOf(data);
    chart.data.datasets.forEach((dataset, i) => {
      const { borderColor, backgroundColor } = datasetOf(data.series[i]);
      Object.assign(dataset, { borderColor, backgroundColor });
    });
    keys.forEach((key) => key.firstChild.replaceWith(markOf(firstOf(data, key.value))));
    chart.update();
  };

  const draw = (box) => {
    const data = JSON.parse(box.querySelector('script[type="application/json"]').textContent);
    const canvas = box.querySelector("canvas");
    const plot = element("div", { className: "plot" });
    plot.style.height = `${data.height}px`;
    canvas.replaceWith(plot);
    plot.append(canvas);
    const chart = new Chart(canvas, configOf(data));
    const keys = addKeys(plot, chart, data);
    dark.addEventListener("change", () => recolour(chart, data, keys));
  };

  const sight = new IntersectionObserver(
    (entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        sight.unobserve(target);
        draw(target);
      }
    },
    { rootMargin: "200px" },
  );
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  document.querySelectorAll(".unscripted").forEach((note) => note.remove());
  document.querySelectorAll(".chart").forEach((box) => sight.observe(box));
}
