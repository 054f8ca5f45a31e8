"use strict";
// Runs the tape of a law (mixlaw/reports/expression_graph.py) and says what the fit's replicas make of its results.
const mixlawEngine = (() => {
  const ONE = {
    neg: (a) => -a, abs: Math.abs, sign: Math.sign, square: (a) => a * a, exp: Math.exp, log: Math.log,
    log1p: Math.log1p, expm1: Math.expm1, sqrt: Math.sqrt, tanh: Math.tanh,
    logistic: (a) => 1 / (1 + Math.exp(-a)), not: (a) => (a ? 0 : 1),
  };
  const TWO = {
    add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b, pow: Math.pow,
    max: Math.max, min: Math.min, and: (a, b) => (a && b ? 1 : 0), or: (a, b) => (a || b ? 1 : 0),
    gt: (a, b) => (a > b ? 1 : 0), ge: (a, b) => (a >= b ? 1 : 0), lt: (a, b) => (a < b ? 1 : 0),
    le: (a, b) => (a <= b ? 1 : 0), eq: (a, b) => (a === b ? 1 : 0), ne: (a, b) => (a !== b ? 1 : 0),
  };
  const THREE = {
    select_n: (which, no, yes) => (which ? yes : no),
    clamp: (low, x, high) => Math.min(Math.max(x, low), high),
  };
  const FOLD = {
    sum: [0, TWO.add], most: [-Infinity, Math.max], least: [Infinity, Math.min],
  };

  // One step as a function of nothing; an operand of one number serves every place.
  function step(operation, out, reads, registers) {
    const a = registers[reads[0]];
    const n = out.length;
    if (operation === "take") {
      const at = reads[1];
      return () => { for (let i = 0; i < n; i++) out[i] = a[at[i]]; };
    }
    if (operation in FOLD) {
      const [start, f] = FOLD[operation];
      const at = reads[1];
      return () => { out.fill(start); for (let i = 0; i < a.length; i++) out[at[i]] = f(out[at[i]], a[i]); };
    }
    const by = reads.map((r) => (registers[r].length === 1 ? 0 : 1));
    const [p, q, r] = by;
    if (operation in ONE) {
      const f = ONE[operation];
      return () => { for (let i = 0; i < n; i++) out[i] = f(a[p * i]); };
    }
    const b = registers[reads[1]];
    if (operation in TWO) {
      const f = TWO[operation];
      return () => { for (let i = 0; i < n; i++) out[i] = f(a[p * i], b[q * i]); };
    }
    const c = registers[reads[2]];
    const f = THREE[operation];
    return () => { for (let i = 0; i < n; i++) out[i] = f(a[p * i], b[q * i], c[r * i]); };
  }

  // A law on a tape: setRow gives the run, setKnown a target's constants, loss its parameters from z[at] on.
  function compile(tape) {
    const registers = tape.sizes.map((n) => new Float64Array(n));
    for (const [register, numbers] of tape.constants) registers[register].set(numbers.map(Number));
    const steps = tape.steps.map(([name, out, ...reads]) => step(name, registers[out], reads, registers));
    return {
      setRow(row) {
        registers[tape.row.w].set(row.w);
        registers[tape.row.params][0] = row.params;
        registers[tape.row.tokens][0] = row.tokens;
        registers[tape.row.unique].set(row.unique);
      },
      setKnown(known) {
        for (const name of Object.keys(tape.known)) registers[tape.known[name]].set(known[name]);
      },
      loss(z, at) {
        for (const [register, start, width] of tape.z) {
          const field = registers[register];
          for (let i = 0; i < width; i++) field[i] = z[at + start + i];
        }
        for (const run of steps) run();
        return registers[tape.loss][0];
      },
    };
  }

  function bytes(text) {
    const raw = atob(text);
    const array = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) array[i] = raw.charCodeAt(i);
    return array.buffer;
  }

  // Parameters (K P) and those of the replicas (R K P), which are steps away from them.
  function unpack(fit) {
    const z = new Float64Array(bytes(fit.z));
    const size = new Float32Array(bytes(fit.step));
    const count = new Int16Array(bytes(fit.replicas));
    const replicas = new Float64Array(count.length);
    for (let i = 0; i < count.length; i++) replicas[i] = z[i % z.length] + count[i] * size[i % z.length];
    return { z, replicas };
  }

  // Linear interpolation between order statistics, as NumPy's quantile.
  function quantile(sorted, level) {
    const at = (sorted.length - 1) * level;
    const below = Math.floor(at);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }

  // 90% interval of a number by the replicas' values: their range, or where only some replicas are at hand
  // 1.645 times their root mean square distance from it. The twin of mixlaw/reports/intervals.py.
  function interval(point, values, whole) {
    if (!values.length) return [NaN, NaN];
    if (whole) {
      const sorted = Float64Array.from(values).sort();
      return [Math.min(point, quantile(sorted, 0.05)), Math.max(point, quantile(sorted, 0.95))];
    }
    let squares = 0;
    for (const value of values) squares += (value - point) ** 2;
    const half = 1.645 * Math.sqrt(squares / values.length);
    return [point - half, point + half];
  }

  // Losses of every target (K) and replica (R K) for one run.
  function model(data) {
    const law = compile(data.fit.tape);
    const { z, replicas } = unpack(data.fit);
    const targets = data.targets.length;
    const width = z.length / targets;
    const count = replicas.length / z.length;
    const unique = data.unique.map((x) => (x === null ? Infinity : x));
    const known = data.targets.map((_, k) => {
      const own = {};
      for (const name of Object.keys(data.fit.known)) own[name] = [data.fit.known[name][k]].flat();
      return own;
    });
    function value(losses, at) {
      let sum = 0;
      let worst = -Infinity;
      for (let k = 0; k < targets; k++) {
        sum += data.weights[k] * losses[at + k];
        if (data.weights[k] > 0) worst = Math.max(worst, losses[at + k]);
      }
      return data.objective === "worst" ? worst : sum;
    }
    return {
      replicas: count,
      run(w, params, tokens) {
        law.setRow({ w, params: params ?? NaN, tokens: tokens ?? NaN, unique });
        const loss = new Float64Array(targets);
        const each = new Float64Array(count * targets);
        for (let k = 0; k < targets; k++) {
          law.setKnown(known[k]);
          loss[k] = law.loss(z, k * width);
          for (let r = 0; r < count; r++) each[r * targets + k] = law.loss(replicas, (r * targets + k) * width);
        }
        const objectives = Float64Array.from({ length: count }, (_, r) => value(each, r * targets));
        return { loss, each, objective: value(loss, 0), objectives };
      },
      band(found, k) {
        const values = Float64Array.from({ length: count }, (_, r) => found.each[r * targets + k]);
        return interval(found.loss[k], values, data.fit.whole);
      },
      objectiveBand(found) {
        return interval(found.objective, found.objectives, data.fit.whole);
      },
      differenceBand(found, other) {
        const values = found.objectives.map((x, r) => x - other.objectives[r]);
        return interval(found.objective - other.objective, values, data.fit.whole);
      },
    };
  }
  return { compile, interval, model };
})();
if (typeof module !== "undefined") module.exports = mixlawEngine;
