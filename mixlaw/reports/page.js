// The sliders: a mixture and a budget in, every target's predicted loss and every source's epochs out.
(() => {
  const data = JSON.parse(document.getElementById("numbers").textContent);
  const model = mixlawEngine.model(data);
  const at = (id) => document.getElementById(id);
  const rows = [...at("shares").children].sort((a, b) => a.dataset.source - b.dataset.source).map((row) => ({
    slider: row.querySelector("[type=range]"), number: row.querySelector("[type=number]"),
    epochs: row.querySelector(".epochs"), hold: row.querySelector("[type=checkbox]"),
  }));
  const cells = [...at("losses").tBodies[0].rows].map((row) => ({
    loss: row.querySelector(".loss"), band: row.querySelector(".band"), gap: row.querySelector(".gap"),
  }));
  const plan = model.run(data.plan.w, data.plan.params, data.plan.tokens);
  let state;

  const nats = (x) => (Number.isFinite(x) ? x.toFixed(4) : "–");
  function signed(x) {
    if (!Number.isFinite(x)) return "–";
    return Math.abs(x) < 5e-5 ? "0.0000" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(4);
  }
  function count(x) {
    if (x === null || !Number.isFinite(x)) return "–";
    for (const [unit, size] of [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]]) {
      if (x >= size && x < 1e15) return `${Number((x / size).toPrecision(3))}${unit}`;
    }
    return x < 1e15 ? String(Number(x.toPrecision(3))) : x.toExponential(1);
  }
  function number(text) {
    const match = /^\s*([\d.]+(?:e[+-]?\d+)?)\s*([kMBT]?)\s*$/i.exec(text.replace(/[_,\s](?=\d)/g, ""));
    const unit = { "": 1, k: 1e3, m: 1e6, b: 1e9, t: 1e12 };
    const x = match ? Number(match[1]) * unit[match[2].toLowerCase()] : NaN;
    return Number.isFinite(x) && x > 0 ? x : null;
  }
  // A number goes into the page in full; its text is rounded.
  function put(node, value, text) {
    node.dataset.value = value;
    node.textContent = text;
  }
  function putBand(node, [low, high], write) {
    node.dataset.low = low;
    node.dataset.high = high;
    node.textContent = Number.isFinite(low) ? `${write(low)} to ${write(high)}` : "";
  }

  // The others that are not held keep their proportions in what is left.
  function setShare(i, wanted) {
    const w = [...state.w];
    const free = rows.map((row, j) => j).filter((j) => j !== i && !rows[j].hold.checked);
    const held = w.reduce((sum, x, j) => (j !== i && rows[j].hold.checked ? sum + x : sum), 0);
    const most = Math.max(0, 1 - held);
    w[i] = free.length ? Math.min(Math.max(wanted, 0), most) : most;
    const left = Math.max(0, 1 - held - w[i]);
    const sum = free.reduce((total, j) => total + w[j], 0);
    for (const j of free) w[j] = sum > 0 ? (w[j] / sum) * left : left / free.length;
    state.w = w;
  }
  function setCompute(multiple) {
    const { params, tokens } = data.plan;
    if (params === null) {
      state.tokens = tokens * multiple;
    } else {
      state.params = params * multiple ** data.scale.power;
      state.tokens = (params * tokens * multiple) / state.params;
    }
  }

  function epochs(i) {
    const { tokens } = data.limits[i];
    return state.tokens === null || tokens === null ? null : (state.w[i] * state.tokens) / tokens;
  }
  // What a source's share breaks, in words; nothing where it is all right.
  function broken(i) {
    const limit = data.limits[i];
    const passes = epochs(i);
    if (limit.max_epochs !== null && passes !== null && passes > limit.max_epochs * (1 + 1e-6)) return `above its cap of ${limit.max_epochs} epochs`;
    if (state.w[i] > limit.max + 1e-6) return `above its largest share, ${(100 * limit.max).toFixed(1)}%`;
    if (state.w[i] < limit.min - 1e-6) return `below its smallest share, ${(100 * limit.min).toFixed(1)}%`;
    return "";
  }
  function warnings() {
    const found = [];
    const { far, far_share: apart } = data.scale;
    for (const [key, word] of [["params", "N"], ["tokens", "D"]]) {
      const [least, most] = data.scale[key];
      if (!data.scale.reads[key] || most === null || state[key] === null) continue;
      if (state[key] > far * most) found.push(`${word} is ${(state[key] / most).toFixed(0)} times the largest of the runs`);
      if (state[key] < least / far) found.push(`${word} is a ${(least / state[key]).toFixed(0)}th of the smallest of the runs`);
    }
    data.sources.forEach((name, i) => {
      const { least, most, epochs: seen } = data.limits[i];
      const passes = epochs(i);
      const why = broken(i);
      if (why) found.push(`${name} is ${why}`);
      if (state.w[i] > most + apart || state.w[i] < least - apart) {
        found.push(`${name} at ${(100 * state.w[i]).toFixed(0)}%: the runs had ${(100 * least).toFixed(0)} to ${(100 * most).toFixed(0)}%`);
      }
      if (passes !== null && seen !== null && passes > Math.max(4, 2 * seen)) {
        found.push(`${passes.toFixed(1)} epochs of ${name}: the runs saw ${seen.toFixed(1)}`);
      }
    });
    return found.length > 5 ? [...found.slice(0, 5), `and ${found.length - 5} more`] : found;
  }

  function showShares() {
    rows.forEach((row, i) => {
      const text = (100 * state.w[i]).toFixed(1);
      const passes = epochs(i);
      const said = passes === null ? "" : `${passes < 100 ? passes.toFixed(2) : passes.toFixed(0)} epochs`;
      row.slider.value = 100 * state.w[i];
      if (document.activeElement !== row.number) row.number.value = text;
      row.slider.setAttribute("aria-valuetext", `${text} percent${said && ", "}${said}`);
      row.epochs.dataset.value = passes;
      row.epochs.textContent = said;
      row.epochs.classList.toggle("broken", broken(i) !== "");
    });
  }
  function showBudget() {
    const { params, tokens } = data.plan;
    const multiple = tokens === null ? 1 : ((state.params ?? 1) * state.tokens) / ((params ?? 1) * tokens);
    const flops = state.params === null ? "" : `, ${count(6 * state.params * state.tokens)} FLOP`;
    const said = `${Number(multiple.toPrecision(3))}× the plan’s${flops}`;
    at("compute").value = Math.log10(multiple);
    at("compute").setAttribute("aria-valuetext", said);
    at("compute-said").textContent = said;
    for (const key of ["params", "tokens"]) {
      if (document.activeElement !== at(key)) at(key).value = count(state[key]);
      at(key).dataset.value = state[key];
      at(key).removeAttribute("aria-invalid");
    }
  }
  function showLosses() {
    const found = model.run(state.w, state.params, state.tokens);
    cells.forEach((cell, k) => {
      put(cell.loss, found.loss[k], nats(found.loss[k]));
      putBand(cell.band, model.band(found, k), nats);
      const gap = found.loss[k] - plan.loss[k];
      put(cell.gap, gap, signed(gap));
      cell.gap.className = `gap ${gap > 5e-5 ? "worse" : gap < -5e-5 ? "better" : ""}`;
    });
    put(at("objective"), found.objective, nats(found.objective));
    putBand(at("objective-band"), model.objectiveBand(found), nats);
    put(at("difference"), found.objective - plan.objective, signed(found.objective - plan.objective));
    putBand(at("difference-band"), model.differenceBand(found, plan), signed);
  }
  let saying;
  function say() {
    clearTimeout(saying);
    saying = setTimeout(() => {
      at("said").textContent = `loss ${at("objective").textContent} nats, ${at("difference").textContent} from the plan`;
    }, 400);
  }
  function render() {
    showShares();
    showBudget();
    showLosses();
    at("warnings").replaceChildren(...warnings().map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
  }
  // One rendering a frame, however fast a slider moves.
  let waiting = false;
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      render();
      say();
    });
  }
  function reset() {
    state = { w: [...data.plan.w], params: data.plan.params, tokens: data.plan.tokens };
    for (const row of rows) row.hold.checked = false;
    at("start").value = "0";
  }

  rows.forEach((row, i) => {
    row.slider.addEventListener("input", () => { setShare(i, row.slider.valueAsNumber / 100); later(); });
    row.number.addEventListener("input", () => {
      if (Number.isFinite(row.number.valueAsNumber)) { setShare(i, row.number.valueAsNumber / 100); later(); }
    });
    row.number.addEventListener("blur", later);
  });
  at("compute").addEventListener("input", () => { setCompute(10 ** at("compute").valueAsNumber); later(); });
  for (const key of ["params", "tokens"]) {
    at(key).addEventListener("change", () => {
      const x = number(at(key).value);
      if (x === null) { at(key).setAttribute("aria-invalid", "true"); return; }
      state[key] = x;
      later();
    });
    at(key).addEventListener("blur", () => { if (!at(key).hasAttribute("aria-invalid")) later(); });
  }
  at("start").addEventListener("change", () => { state.w = [...data.starts[at("start").value].w]; later(); });
  at("reset").addEventListener("click", () => { reset(); later(); });

  reset();
  at("params").closest("li").hidden = data.plan.params === null || !data.scale.reads.params;
  at("tokens").closest("li").hidden = data.plan.tokens === null;
  at("compute").closest("li").hidden = data.plan.tokens === null;
  at("replicas").textContent = model.replicas;
  at("board").hidden = false;
  render();
  // For the console and for tests: set a mixture and a budget, read the state.
  window.mixlawReport = {
    state: () => ({ ...state }),
    show(wanted) { Object.assign(state, wanted); render(); },
  };
  document.documentElement.dataset.ready = performance.now();
})();
