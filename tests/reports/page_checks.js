// What the tests look for inside the report's page (test_browser.py).
const checks = {
  // What is wider than the page, lies on something else, or is cut off.
  layout: () => {
  const wide = document.documentElement.clientWidth, found = [];
  if (document.scrollingElement.scrollWidth > wide) found.push(`the page is ${document.scrollingElement.scrollWidth} wide`);
  const box = (node) => node.getBoundingClientRect();
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  for (const node of document.querySelectorAll("main p, main li, main dt, main dd, figcaption, h1, h2, label, #board span, .plot text")) {
    const { left, right, width } = box(node);
    if (width && !node.closest(".sr, .scroll") && (left < -1 || right > wide + 1)) found.push(`outside: ${node.textContent.slice(0, 40)}`);
  }
  const groups = [...document.querySelectorAll("#board li, .xaxis, .yaxis, .facts, nav ul, .plots")];
  for (const group of groups) {
    const boxes = [...group.children].filter((node) => !node.hidden && box(node).width).map((node) => [node, box(node)]);
    boxes.forEach(([node, a], i) => boxes.slice(i + 1, i + 4).forEach(([other, b]) => {
      if (meet(a, b)) found.push(`overlap in ${group.className || group.tagName}: ${node.textContent.slice(0, 30)} | ${other.textContent.slice(0, 30)}`);
    }));
  }
  for (const node of document.querySelectorAll("td, th, button, select, input:not([type=range], [type=checkbox])")) {
    if (!node.closest(".sr") && node.scrollWidth > node.clientWidth + 1) found.push(`clipped: ${node.textContent || node.value || node.id}`);
  }
  return found.slice(0, 8);
},

  // Contrast (WCAG 2) of every pair of colours that text has on the page, and of bars times 1.5: 3 to 1 is enough for them.
  contrast: () => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((x) => (x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)" && color !== "transparent") return color;
    }
    return "white";
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const seen = {};
  for (const node of document.querySelectorAll("body *")) {
    const texts = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!texts || !node.getClientRects().length || ["SCRIPT", "STYLE", "OPTION"].includes(node.tagName)) continue;
    const style = getComputedStyle(node);
    const [front, back] = [node instanceof SVGElement ? style.fill : style.color, behind(node)];
    seen[`${front} on ${back}`] ??= ratio(front, back);
  }
  for (const node of document.querySelectorAll(".bar .own, .bar .other, .bar .alarm")) {
    const [front, back] = [getComputedStyle(node).fill, behind(node)];
    seen[`bar ${front} on ${back}`] ??= ratio(front, back) * 1.5;
  }
  return seen;
},

  // Every number that the page writes for a mixture and a budget, in full.
  shown: (w, params, tokens) => {
    mixlawReport.show({ w, params, tokens });
    const read = (css, key) => [...document.querySelectorAll(css)].map((node) => Number(node.dataset[key]));
    const order = [...document.querySelectorAll("#shares li")].map((row) => Number(row.dataset.source));
    const epochs = read("#shares .epochs", "value");
    return {
      loss: read("#losses .loss", "value"), low: read("#losses .band", "low"), high: read("#losses .band", "high"),
      objective: read("#objective", "value"), epochs: order.map((_, i) => epochs[order.indexOf(i)]),
    };
  },

  // Set a mixture and a budget so many times, laying the page out after each.
  redraw: (times) => {
    const w = mixlawReport.state().w.map((_, __, all) => 1 / all.length);
    for (let i = 0; i < times; i++) {
      mixlawReport.show({ w, tokens: (i + 1) * 1e9 });
      document.body.getBoundingClientRect();
    }
  },

  bands: () => [...document.querySelectorAll("#losses .band")].map((node) => Number(node.dataset.high) - node.dataset.low),
  focused: () => [...document.querySelectorAll("*")].indexOf(document.activeElement),
  captions: () => [...document.querySelectorAll("table")].every((table) => table.caption?.textContent.trim()),
  levels: () => [...document.querySelectorAll("h1, h2, h3")].map((node) => Number(node.tagName[1])),
};
