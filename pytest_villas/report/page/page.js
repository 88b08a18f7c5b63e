"use strict";
(() => {
  const POINTS = 3000; // of a curve that is shown at one time
  const pages = new Map();
  let library = null;

  async function inflate(node) {
    const text = atob(node.textContent.trim());
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  }

  async function plotly() {
    library ??= (async () => {
      const code = document.createElement("script");
      code.textContent = new TextDecoder().decode(await inflate(document.getElementById("plotly")));
      document.head.append(code);
      return window.Plotly;
    })();
    return library;
  }

  function unpack(buffer) {
    const size = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
    const arrays = header.arrays.map(([kind, at, length]) =>
      new (kind === "<f8" ? Float64Array : Float32Array)(buffer, 4 + size + at, length));
    const filled = (value) => {
      if (Array.isArray(value)) return value.map(filled);
      if (value === null || typeof value !== "object") return value;
      if ("array" in value) return arrays[value.array];
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item)]));
    };
    return filled(header);
  }

  const first = (t, x) => { // index of the first value that is at least x
    let low = 0, high = t.length;
    while (low < high) { const middle = (low + high) >> 1; if (t[middle] < x) low = middle + 1; else high = middle; }
    return low;
  };

  // the curve between two times: every point where there are few, else the least and the greatest of each stretch
  function part(t, y, range) {
    const from = range ? Math.max(first(t, range[0]) - 1, 0) : 0;
    const to = range ? Math.min(first(t, range[1]) + 1, t.length) : t.length;
    if (to - from <= POINTS) return [Array.from(t.subarray(from, to)), Array.from(y.subarray(from, to))];
    const xs = [], ys = [], stretch = (2 * (to - from)) / POINTS;
    for (let begin = from; begin < to; begin += stretch) {
      const a = Math.floor(begin), b = Math.min(Math.floor(begin + stretch), to);
      let low = a, high = a, gap = -1;
      for (let i = a; i < b; i++) {
        if (Number.isNaN(y[i])) gap = i;
        if (!(y[i] >= y[low])) low = i;
        if (!(y[i] <= y[high])) high = i;
      }
      for (const i of [...new Set([low, high, ...(gap < 0 ? [] : [gap])])].sort((p, q) => p - q)) { xs.push(t[i]); ys.push(y[i]); }
    }
    return [xs, ys];
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function layout(extra) {
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), tickfont: { color: colour("soft") }, automargin: true };
    const axes = Object.fromEntries(Object.entries(extra).filter(([key]) => /axis/.test(key)).map(([key, value]) => [key, { ...axis, ...value }]));
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest", dragmode: "zoom",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("soft") },
      margin: { l: 64, r: 12, t: 24, b: 44 },
      hoverlabel: { bgcolor: colour("sheet"), bordercolor: colour("line"), font: { color: colour("ink") } },
      ...extra, ...axes,
    };
  }

  const title = (text, y) => ({ text, xref: "paper", yref: "paper", x: 0, y, xanchor: "left", yanchor: "bottom", showarrow: false, font: { color: colour("ink"), size: 13 } });
  const line = (x, y, name, style, extra = {}) => ({ type: "scatter", mode: "lines", x, y, name, line: style, hovertemplate: "%{y:.6g}<br>%{x:.6g} s<extra>%{fullData.name}</extra>", ...extra });
  const marks = (t, yref, name) => ({
    type: "scatter", mode: "markers", x: Array.from(t), y: Array(t.length).fill(1), yaxis: yref, name,
    marker: { symbol: "line-ns-open", size: 12, color: colour("fail"), line: { width: 1.5, color: colour("fail") } },
    hovertemplate: "%{x:.6g} s<extra>%{fullData.name}</extra>",
  });

  function signals(page, range) {
    const channel = page.data.channels[page.channel], run = page.data.timeline, unit = channel && channel.unit ? ` in ${channel.unit}` : "";
    const shape = channel && channel.step ? "hv" : "linear", traces = [];
    if (channel) {
      const style = (name, width) => ({ color: colour(name), width, shape });
      if (channel.tube) {
        const [x, low] = part(channel.t, channel.tube.lower, range), [xx, high] = part(channel.t, channel.tube.upper, range);
        traces.push(line(x, low, "tube, lower", { color: colour("one"), width: 0.5 }));
        traces.push(line(xx, high, "tube, upper", { color: colour("one"), width: 0.5 }, { fill: "tonexty", fillcolor: "rgba(128,140,152,0.22)" }));
      }
      traces.push(line(...part(channel.t, channel.reference, range), "reference", style("one", 3.5)));
      traces.push(line(...part(channel.t, channel.response, range), "response", style("accent", 1.3)));
      if (channel.outside.t.length) traces.push({
        type: "scatter", mode: "markers", x: Array.from(channel.outside.t), y: Array.from(channel.outside.y), name: "outside of the tube",
        marker: { color: colour("fail"), size: 5, symbol: "x-thin-open", line: { width: 1.5 } }, hovertemplate: "%{y:.6g}<br>%{x:.6g} s<extra>outside of the tube</extra>",
      });
      channel.residual ??= channel.response.map((value, i) => value - channel.reference[i]);
      traces.push(line(...part(channel.t, channel.residual, range), "response less reference", style("accent", 1.2), { yaxis: "y2" }));
    }
    traces.push(line(...part(run.t, run.latency, range), "latency in ms", { color: colour("accent"), width: 1.1 }, {
      yaxis: "y3", hovertemplate: "%{y:.4g} ms<br>sent at %{x:.6g} s<extra>latency</extra>" }));
    for (const [name, at] of [["lost", "y4"], ["reordered", "y5"], ["duplicates", "y6"]])
      if (run[name].length) traces.push(marks(run[name], at, name));
    const kinds = ["lost", "reordered", "duplicates"].filter((name) => run[name].length);
    const strip = 0.028, band = 0.26, rows = kinds.length * strip;
    const lanes = Object.fromEntries(["lost", "reordered", "duplicates"].map((name, i) => {
      const at = kinds.indexOf(name), low = band + 0.012 + at * strip;
      return [`yaxis${4 + i}`, { domain: at < 0 ? [0, 0.001] : [low, low + strip - 0.004], visible: at >= 0, showgrid: false, zeroline: false, fixedrange: true, range: [0.5, 1.5], tickvals: [1], ticktext: [name], ticks: "" }];
    }));
    const top = channel ? [0.67, 0.97] : [0.95, 0.97], middle = channel ? [0.42, 0.57] : [0.93, 0.94], end = channel ? band : 0.85;
    const wide = page.chart.clientWidth > 560;
    return [traces, layout({
      height: channel ? 620 : 300,
      xaxis: { title: { text: "seconds since the stimulus began" }, range: range ?? page.whole, anchor: "y3" },
      yaxis: { domain: top, visible: !!channel }, yaxis2: { domain: middle, visible: !!channel },
      yaxis3: { domain: [0, end], type: "log", ticksuffix: " ms", dtick: 1 }, ...lanes,
      shapes: [[page.whole[0], run.first], [run.last, page.whole[1]]].map(([a, b]) => ({
        type: "rect", xref: "x", yref: "y3 domain", x0: a, x1: b, y0: 0, y1: 1, fillcolor: colour("one"), opacity: 0.13, line: { width: 0 }, layer: "below" })),
      annotations: [
        ...(channel ? [title(`<b>${escaped(channel.name)}</b>${escaped(unit)}`, 0.975), title(`<b>Response less reference</b>${escaped(unit)}`, 0.575)] : []),
        title(wide ? "<b>Latency of each sample</b> (shaded: does not count)" : "<b>Latency</b> (shaded: does not count)", end + rows + 0.018),
      ],
    })];
  }

  const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

  function tails(page) {
    const looks = { floor: ["one", "harness alone (floor)", 1.5, "dot"], send_lag: ["one", "send lag", 1.2, "solid"], latency: ["accent", "latency", 2.2, "solid"] };
    const beyond = 3 * Math.max(1e-3, ...Object.values(page.data.tails).flatMap(({ x }) => (x.length ? [x[x.length - 1]] : [])), ...page.limits.map(({ ms }) => ms));
    const curves = Object.entries(looks).filter(([name]) => page.data.tails[name]).map(([name, [ink, text, width, dash]]) => {
      const { x, y, lost, n } = page.data.tails[name];
      const kept = Array.from(x.keys()).filter((i) => x[i] > 0 && y[i] > 0);
      const xs = kept.map((i) => x[i]), ys = kept.map((i) => y[i]);
      if (lost && xs.length) { xs.push(beyond); ys.push(lost / n); } // what was lost took longer than anything that is shown
      return { type: "scatter", mode: "lines", name: lost ? `${text} (${lost.toLocaleString("en")} lost)` : text, x: xs, y: ys, line: { color: colour(ink), width, dash, shape: "hv" },
        hovertemplate: "%{y:.3~%} took longer than %{x:.4g} ms<extra>%{fullData.name}</extra>" };
    });
    const limits = page.limits.map((limit) => ({ type: "line", xref: "x", yref: "paper", x0: limit.ms, x1: limit.ms, y0: 0, y1: 1, line: { color: colour(limit.outcome === "FAIL" ? "fail" : "soft"), width: 1.4, dash: "dash" } }));
    const names = page.limits.map((limit) => ({ text: `limit of ${limit.name}`, x: Math.log10(limit.ms), xref: "x", y: 0, yref: "paper", yanchor: "bottom", xanchor: "right", textangle: -90, showarrow: false, font: { color: colour(limit.outcome === "FAIL" ? "fail" : "soft"), size: 12 } }));
    const needed = page.limits.filter((limit) => limit.q < 1).map((limit) => ({
      type: "scatter", mode: "markers", x: [limit.ms], y: [1 - limit.q], name: `limit of ${limit.name}`, showlegend: false,
      marker: { symbol: "circle-open", size: 10, color: colour(limit.outcome === "FAIL" ? "fail" : "soft"), line: { width: 2 } },
      hovertemplate: `at most %{y:.3~%} may take longer than %{x:.4g} ms<extra>limit of ${limit.name}</extra>` }));
    return [[...curves, ...needed], layout({
      height: 340, showlegend: true, legend: { orientation: "h", x: 0, y: -0.24, font: { color: colour("ink") } }, margin: { l: 64, r: 12, t: 8, b: 44 },
      xaxis: { type: "log", title: { text: "milliseconds" }, dtick: 1 }, yaxis: { type: "log", title: { text: "share that took longer" }, tickformat: "~%", dtick: 1 },
      shapes: limits, annotations: names,
    })];
  }

  function spectrum(page) {
    const { spectrum: found, unit } = page.data.channels[page.channel];
    const curves = [["reference", "one", 3], ["response", "accent", 1.2]].filter(([name]) => found[name]).map(([name, ink, width]) => ({
      type: "scatter", mode: "lines", name, x: Array.from(found[name].f), y: Array.from(found[name].a, (size) => (size > 0 ? size : null)), line: { color: colour(ink), width },
      hovertemplate: "%{y:.4g}<br>%{x:.5g} Hz<extra>%{fullData.name}</extra>" }));
    return [curves, layout({ height: 320, xaxis: { title: { text: "Hz" } }, yaxis: { type: "log", title: { text: `amplitude${unit ? ` in ${unit}` : ""}` }, exponentformat: "power" } })];
  }

  function phasors(page) {
    const { phasors: found, unit } = page.data.channels[page.channel], t = Array.from(found.t);
    const style = (name, width) => ({ color: colour(name), width });
    const traces = [
      line(t, Array.from(found.reference), "reference", style("one", 3.5)),
      line(t, Array.from(found.response), "response", style("accent", 1.3)),
      line(t, Array.from(found.phase), "phase in degrees", style("accent", 1.2), { yaxis: "y2" }),
      line(t, Array.from(found.tve, (share) => 100 * share), "total vector error in %", style("accent", 1.2), { yaxis: "y3" }),
    ];
    return [traces, layout({
      height: 520,
      xaxis: { title: { text: "seconds since the stimulus began" }, range: page.whole, anchor: "y3" },
      yaxis: { domain: [0.72, 0.95] }, yaxis2: { domain: [0.37, 0.6], ticksuffix: "°" }, yaxis3: { domain: [0, 0.25], ticksuffix: " %", rangemode: "tozero" },
      annotations: [
        title(`<b>Magnitude</b>${unit ? ` in ${escaped(unit)}` : ""}, rms`, 0.96), title("<b>Phase</b> of the response against the reference", 0.61),
        title("<b>Total vector error</b>", 0.26),
      ],
    })];
  }

  const settings = { displaylogo: false, responsive: true, displayModeBar: false, scrollZoom: false };

  async function draw(page, range = page.range) {
    const Plotly = await plotly();
    page.range = range;
    const [traces, shown] = signals(page, range);
    page.chart.querySelector("svg.v-plot")?.remove();
    await Plotly.react(page.chart, traces, shown, settings);
    const channel = page.data.channels[page.channel], told = [];
    const { counts } = page.data.timeline;
    for (const [name, count] of Object.entries(counts))
      if (page.data.timeline[name].length < count) told.push(`The first ${page.data.timeline[name].length.toLocaleString("en")} of ${count.toLocaleString("en")} ${name} are marked.`);
    if (channel) {
      if (channel.t.length < channel.total) told.push(`${channel.t.length.toLocaleString("en")} of ${channel.total.toLocaleString("en")} values drawn, every extreme among them.`);
      if (channel.tube) told.push(`Tube: ${channel.tube.about}; ${channel.left.toLocaleString("en")} values outside.`);
      page.article.querySelector("[data-part=key]").innerHTML = `<span class="one">reference</span><span>response</span>${channel.tube ? '<span class="tube">tube</span>' : ""}${page.data.timeline.lost.length ? '<span class="bad">lost</span>' : ""}`;
    }
    page.article.querySelector("[data-part=count]").textContent = told.join(" ");
  }

  async function drawOthers(page) {
    const Plotly = await plotly();
    await Plotly.react(page.article.querySelector("[data-chart=tails]"), ...tails(page), settings);
    const folded = page.article.querySelector("[data-part=spectrum]"), channel = page.data.channels[page.channel];
    const known = channel && Object.keys(channel.spectrum).length > 0;
    page.article.querySelector("[data-part=spectrum-note]").textContent = known
      ? `Amplitude of ${channel.name}, Hann window.${channel.unseen ? ` Not of the ${channel.unseen}.` : ""}` : `None: ${channel ? channel.unseen : "there is no channel"}.`;
    const place = page.article.querySelector("[data-chart=spectrum]");
    if (folded.open && known) await Plotly.react(place, ...spectrum(page), settings);
    else Plotly.purge(place);
    const turning = page.article.querySelector("[data-part=phasors]"), found = channel?.phasors;
    turning.hidden = !found;
    page.article.querySelector("[data-part=phasors-note]").textContent = found ? `Of ${channel.name}: ${found.about}.` : "";
    const turned = page.article.querySelector("[data-chart=phasors]");
    if (turning.open && found) await Plotly.react(turned, ...phasors(page), settings);
    else Plotly.purge(turned);
  }

  function keys(page, event) {
    const [low, high] = page.range ?? page.whole, size = high - low;
    const moves = {
      ArrowLeft: [low - size / 5, high - size / 5], ArrowRight: [low + size / 5, high + size / 5],
      "+": [low + size / 4, high - size / 4], "=": [low + size / 4, high - size / 4], "-": [low - size / 2, high + size / 2], 0: null,
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in moves)) return;
    event.preventDefault();
    draw(page, moves[event.key]);
  }

  async function open(article) {
    if (pages.has(article)) return;
    const page = { article, channel: 0, range: null, chart: article.querySelector("[data-chart=signals]"), limits: JSON.parse(article.dataset.limits) };
    pages.set(article, page);
    page.data = unpack(await inflate(article.querySelector("script[data-payload]")));
    const { t } = page.data.timeline;
    page.whole = [0, Math.max(t.length ? t[t.length - 1] : 0, ...page.data.channels.map((channel) => (channel.t.length ? channel.t[channel.t.length - 1] : 0)), 1e-6)];
    const choice = article.querySelector("[data-part=channel]");
    choice.replaceChildren(...page.data.channels.map((channel, i) => new Option(channel.name, i)));
    choice.addEventListener("change", async () => { page.channel = Number(choice.value); await draw(page); await drawOthers(page); });
    article.querySelector("[data-act=all]").addEventListener("click", () => draw(page, null));
    article.querySelector("[data-act=worst]").addEventListener("click", () => {
      const { worst } = page.data.channels[page.channel] ?? {};
      if (worst === undefined) return;
      const half = Math.min((page.whole[1] - page.whole[0]) / 2, Math.max((page.whole[1] - page.whole[0]) / 50, 0.05));
      draw(page, [worst - half, worst + half]);
    });
    for (const part of ["spectrum", "phasors"]) article.querySelector(`[data-part=${part}]`).addEventListener("toggle", () => drawOthers(page));
    page.chart.addEventListener("keydown", (event) => keys(page, event));
    await draw(page);
    page.chart.on("plotly_relayout", (change) => {
      if (change["xaxis.autorange"]) draw(page, null);
      else if ("xaxis.range[0]" in change) draw(page, [Number(change["xaxis.range[0]"]), Number(change["xaxis.range[1]"])]);
    });
    page.chart.on("plotly_doubleclick", () => { draw(page, null); return false; });
    article.querySelector(".tools").hidden = false;
    await drawOthers(page);
  }

  const articles = [...document.querySelectorAll("article")].filter((article) => article.querySelector("script[data-payload]"));
  if (!articles.length || !("DecompressionStream" in window)) return; // the pictures stay
  const watcher = new IntersectionObserver((seen) => {
    for (const entry of seen) if (entry.isIntersecting) { watcher.unobserve(entry.target); open(entry.target); }
  }, { rootMargin: "600px" });
  articles.forEach((article) => watcher.observe(article));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const page of pages.values()) if (page.data) draw(page).then(() => drawOthers(page));
  });
})();
