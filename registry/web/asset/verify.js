// Verifies files, and the register's own answers, in a worker that can request
// nothing. What is shown of them is text, and nothing else; all words are the page's.
"use strict";
(() => {
  const form = document.getElementById("verify");
  const own = document.getElementById("own");
  const page = form || own;
  if (!page || !page.dataset.fetching) return;
  const words = page.dataset;
  const progress = document.getElementById("progress");
  const result = document.getElementById("result");
  const steps = document.querySelector("ol.steps");

  // longest is how long the verifier may take, in milliseconds. That it is fetched
  // takes as long as the network does.
  const longest = Number(words.longest);

  // A verifier is fetched once; from then on it needs no network, not even to begin
  // anew after it was ended.
  let module, worker;

  function ask(at, message, transfer) {
    return new Promise((resolve, reject) => {
      const late = message && setTimeout(() => { at.terminate(); reject(new Error("late")); }, longest);
      at.onmessage = ({ data }) => {
        clearTimeout(late);
        if (data.failed) reject(new Error(data.failed));
        else resolve(data);
      };
      at.onerror = (event) => { clearTimeout(late); event.preventDefault(); reject(new Error(event.message || "worker")); };
      if (message) at.postMessage(message, transfer || []);
    });
  }

  async function begin() {
    if (!module) {
      const fetching = new Worker(words.fetching);
      try {
        module = (await ask(fetching)).module;
      } finally {
        fetching.terminate();
      }
    }
    worker = new Worker(words.verifying);
    const copy = module.slice(0);
    await ask(worker, { module: copy }, [copy]);
  }

  // The worker answers one question at a time.
  let turn = Promise.resolve();

  // verify returns undefined where what is asked is wanted no more when its turn comes. The
  // files are handed over, not copied: all may be as large as memory allows.
  function verify(question, wanted = () => true) {
    const mine = turn.then(async () => {
      await started.catch(() => { started = begin(); return started; });
      if (!wanted()) return undefined;
      const { file, trust, request, answer, lists = [] } = question;
      const handed = [file, trust, request, answer, ...lists.map((list) => list.data)].filter(Boolean);
      try {
        return (await ask(worker, { question }, handed.map((data) => data.buffer))).report;
      } catch (err) {
        worker.terminate();
        started = begin();
        started.catch(() => {});
        throw err;
      }
    });
    turn = mine.catch(() => {});
    return mine;
  }

  let started = begin();

  // get follows a path of names; "" is the thing itself.
  const get = (of, path) => (path === "" ? [] : path.split(".")).reduce((at, name) => (at === undefined || at === null ? undefined : at[name]), of);
  const there = (value) => (Array.isArray(value) ? value.length > 0 : Boolean(value));

  // fill puts what was found into the places that the page has for it.
  function fill(root, found) {
    for (const made of root.querySelectorAll("[data-made]")) made.remove();
    for (const at of root.querySelectorAll("[data-if]")) at.hidden = !there(get(found, at.dataset.if));
    for (const at of root.querySelectorAll("[data-text]")) {
      const value = get(found, at.dataset.text);
      at.textContent = value === undefined || value === null ? "" : String(value);
    }
    for (const at of root.querySelectorAll("[data-time]")) {
      const moment = get(found, at.dataset.time) || {};
      at.textContent = moment.text || "";
      at.dateTime = moment.machine || "";
      tellLocalTime(at);
    }
    for (const each of root.querySelectorAll("template[data-each]")) {
      for (const one of get(found, each.dataset.each) || []) {
        const copy = each.content.cloneNode(true);
        const kinds = one && typeof one === "object" ? { ...one, class: { [one.class]: true }, role: { [one.role]: true } } : one;
        fill(copy, kinds);
        for (const top of copy.children) top.dataset.made = "";
        each.parentNode.insertBefore(copy, each);
      }
    }
  }

  // printed is what the code on a printed answer says, see docs/format.md.
  const code = () => new URLSearchParams(location.hash.slice(1));
  let printed = code();

  // held says whether a decision is the printed one: "same", "later" where that was made
  // of other evidence alone, or "other".
  function held(decision) {
    const at = (name) => Date.parse(printed.get(name)) === Date.parse(decision[name].machine);
    const of = (name) => (decision.replay[name] || "") === (printed.get(name) || "");
    if (decision.decision !== printed.get("decision") || !at("effective_at") || !at("known_at") || !of("request") || !of("disclosures")) return "other";
    return of("evidence") ? "same" : "later";
  }

  // titles are what the codes of reasons and warnings are called.
  const titles = new Map();
  for (const li of document.querySelectorAll("#titles > li")) titles.set(li.dataset.key, li.textContent);

  const looks = { passed: "good", failed: "bad" };

  // walk shows each step as it went. Those that the file has not are put aside.
  function walk(report) {
    const went = new Map((report.steps || []).map((s) => [s.name, s]));
    for (const li of steps.children) {
      const step = went.get(li.dataset.step);
      const badge = li.querySelector(".status");
      const wrong = li.querySelector(".error");
      li.hidden = went.size > 0 && !step;
      for (const of of li.querySelectorAll(".of")) of.hidden = went.size > 0;
      badge.hidden = wrong.hidden = true;
      badge.className = "status";
      if (!step) continue;
      badge.textContent = steps.dataset[step.state];
      badge.classList.add(looks[step.state] || "past");
      badge.hidden = false;
      wrong.firstElementChild.textContent = step.wrong || "";
      wrong.hidden = !step.wrong;
    }
  }

  // view is what the page has places for.
  function view(report) {
    const failed = (report.steps || []).find((s) => s.state === "failed" || s.state === "not_reached");
    const title = failed && steps.querySelector(`[data-step="${CSS.escape(failed.name)}"] .label`);
    const decision = report.stands && report.decision
      ? { ...report.decision, reasons: (report.decision.reasons || []).map((r) => ({ ...r, title: titles.get(`code.${r.code}`) || r.code })) } : undefined;
    const evidence = report.evidence
      && { ...report.evidence, warnings: (report.evidence.warnings || []).map((code) => ({ code, title: titles.get(`warning.${code}`) || "" })) };
    const printedAs = decision && printed.has("decision") ? held(decision) : "";
    const compared = (report.steps || []).find((s) => s.name === "answer");
    return {
      ...report,
      decision,
      evidence,
      failed: failed && { title: title ? title.textContent : failed.name, wrong: failed.wrong },
      refused: Boolean(failed),
      plain: report.stands && !decision,
      decided: decision && { [decision.decision]: true },
      replaces: decision && decision.decision === "PERMIT" && decision.replaces_licence,
      replaces_not: decision && decision.decision === "PERMIT" && !decision.replaces_licence,
      no_reasons: decision && !there(decision.reasons),
      not_screened: decision && !there(decision.screened),
      printed: { [printedAs]: true },
      same: report.stands && compared && compared.state === "passed",
      not_compared: report.stands && compared && compared.state === "not_compared",
    };
  }

  function tell(text) {
    progress.textContent = text;
    progress.hidden = false;
  }

  const broken = (err) => (err.message === "late" ? words.tooLong : `${words.broken} ${err.message}`);

  const bytes = (text) => new TextEncoder().encode(text);

  if (own) {
    tell(words.loading);
    started.then(async () => {
      tell(words.working);
      const { evidence, request, disclosures, answer, trust } = words;
      const report = await verify({ file: bytes(evidence), request: bytes(request), disclosures, answer: bytes(answer), trust: bytes(trust) });
      const found = view(report);
      // The answer that is read has to be the one that is compared.
      const read = document.getElementById("answer").firstChild.textContent.trim();
      if (found.decision && found.decision.decision !== read) Object.assign(found, { refused: true, same: false, not_compared: false });
      walk(report);
      fill(result, found);
      result.hidden = false;
      progress.hidden = true;
      own.dataset.found = found.refused ? "bad" : found.mistake ? "nothing" : "good";
      if (found.refused) {
        // Before the answer, and not below it, where somebody may have stopped reading.
        document.querySelector("main h1").after(own);
        own.querySelector("details").open = true;
        own.scrollIntoView();
      }
    }).catch((err) => tell(broken(err)));
    return;
  }

  const inputs = { file: "f-file", request: "f-request_file", disclosures: "f-disclosures_file", trust: "f-trust_file", lists: "f-lists_file", audience: "f-audience", nonce: "f-nonce", age: "f-max_age" };
  for (const name of Object.keys(inputs)) inputs[name] = document.getElementById(inputs[name]);
  const without = document.getElementById("without");
  const button = form.querySelector("button");

  const files = [inputs.file, inputs.request, inputs.disclosures, inputs.trust, inputs.lists];

  // wrong tells a mistake at its field, or takes it back.
  function wrong(input, text) {
    const at = document.getElementById(input.id.replace("f-", "e-"));
    at.textContent = text;
    at.hidden = !text;
    if (text) {
      input.setAttribute("aria-invalid", "true");
      const folded = input.closest("details");
      if (folded) folded.open = true;
    } else {
      input.removeAttribute("aria-invalid");
    }
  }

  async function read(input, file, bound) {
    if (!file) return undefined;
    if (file.size > bound) throw { input, text: words.tooLarge };
    try {
      return new Uint8Array(await file.arrayBuffer());
    } catch {
      throw { input, text: words.unreadable };
    }
  }

  // question is what is asked, with the names of the very files that it is made of.
  async function question() {
    const [file, request, disclosures, trust] = files.map((input) => input.files[0]);
    const lists = [...inputs.lists.files];
    if (!file) throw { input: inputs.file, text: words.noFile };
    const register = document.getElementById("own-trust");
    const age = Number(inputs.age.value) * 60;
    if (!(age > 0 && age < 1e9)) throw { input: inputs.age, text: words.badAge };
    if (!trust && !register) throw { input: inputs.trust, text: words.noTrust };
    if (lists.length > Number(words.maxLists)) throw { input: inputs.lists, text: words.tooManyLists };
    const asked = { audience: inputs.audience.value, nonce: inputs.nonce.value, max_age: age };
    const small = (input, of) => read(input, of, Number(words.maxDocument));
    asked.trust = (await small(inputs.trust, trust)) || bytes(register.value);
    asked.file = await read(inputs.file, file, Number(words.maxFile));
    asked.request = await small(inputs.request, request);
    asked.disclosures = new TextDecoder().decode(await small(inputs.disclosures, disclosures));
    asked.lists = [];
    for (const list of lists) asked.lists.push({ name: list.name, data: await read(inputs.lists, list, Number(words.maxList)) });
    const name = (of) => (of ? of.name : "");
    return { asked, names: { file_name: name(file), request_name: name(request), trust_name: name(trust), disclosures_name: name(disclosures), list_names: lists.map(name) } };
  }

  // latest counts what is asked: only the last is shown.
  let latest = 0;

  // forget puts away what was found: it is not of what is chosen and entered now.
  function forget() {
    result.hidden = progress.hidden = true;
    walk({});
    button.disabled = false;
    for (const input of Object.values(inputs)) wrong(input, "");
    return ++latest;
  }

  // run verifies what is chosen; aside are the names of files that were dropped with it, and
  // are no part of it.
  async function run(focus, aside = []) {
    const mine = forget();
    button.disabled = true;
    tell(words.working);
    try {
      const { asked, names } = await question();
      if (mine !== latest) return;
      const report = await verify(asked, () => mine === latest);
      if (mine !== latest) return;
      show(report, { ...names, aside }, focus);
    } catch (err) {
      if (mine !== latest) return;
      if (err.input) {
        wrong(err.input, err.text);
        tell(err.text);
        if (focus) err.input.focus();
      } else {
        tell(broken(err));
      }
    } finally {
      if (mine === latest) button.disabled = false;
    }
  }

  function show(report, names, focus) {
    const at = report.mistake && inputs[report.mistake.in];
    if (at) {
      wrong(at, report.mistake.text);
      tell(words.notDone);
      if (focus) at.focus();
      return;
    }
    const found = view({ ...report, ...names, by_own: !names.trust_name });
    walk(report);
    fill(result, found);
    result.className = "answer";
    if (found.refused) result.classList.add("refused");
    else if (!found.mistake) result.classList.add(found.decision ? found.decision.decision : "stands");
    result.hidden = false;
    const heading = result.querySelector("h2");
    const said = [...heading.children].filter((at) => !at.hidden).map((at) => at.textContent).join(" ");
    tell(`${words.done} ${said}${found.failed ? `: ${found.failed.title}` : ""}`);
    if (focus) heading.focus();
  }

  // isList reports whether a file that begins so is a list, as package screening tells its forms.
  function isList(begins) {
    const columns = begins.split("\n", 1)[0].split(",").map((name) => name.replace(/^[" \r]+|[" \r]+$/g, ""));
    return /^# list:/.test(begins) || (columns.includes("source") && columns.includes("name")) || (/^\s*[[{]/.test(begins) && /"schema"\s*:/.test(begins));
  }

  const isTrust = (text) => /\bmax_status_age"?\s*:/.test(text);
  const isRequest = (text) => /\beffective_at"?\s*:/.test(text);

  // kind tells which of the inputs a dropped file belongs to, a list by how it begins; a
  // decision and a receipt belong to none.
  async function kind(file) {
    const begins = await file.slice(0, 4096).text().catch(() => "");
    if (isList(begins) && !isTrust(begins) && !isRequest(begins)) return inputs.lists;
    if (file.size > Number(words.maxDocument)) return inputs.file;
    const text = await file.text().catch(() => "");
    if (/"replaces_licence"\s*:/.test(text) || /^[\w-]+\.[\w-]+\.[\w-]+\s*$/.test(text)) return undefined;
    // A disclosure is an array that begins with a text, in base64url.
    if (/^\s*Wy[IJ][\w-]*(\s+Wy[IJ][\w-]*)*\s*$/.test(text)) return inputs.disclosures;
    if (isTrust(text)) return inputs.trust;
    if (isRequest(text)) return inputs.request;
    return inputs.file;
  }

  // take puts dropped files into their inputs, all at once, and of several for one input
  // the last. What it leaves aside is told: it may be what somebody takes the result to be of.
  function take(dropped, kinds) {
    const taken = new Map();
    const aside = [];
    dropped.forEach((file, i) => {
      const input = kinds[i];
      const of = taken.get(input) || [];
      if (!input) aside.push(file.name);
      else if (input === inputs.lists) taken.set(input, [...of, file]);
      else {
        aside.push(...of.map((other) => other.name));
        taken.set(input, [file]);
      }
    });
    for (const [input, chosen] of taken) {
      const holder = new DataTransfer();
      for (const file of chosen) holder.items.add(file);
      input.files = holder.files;
    }
    if (taken.size > 0 && inputs.file.files[0]) run(true, aside);
    else forget();
    if (dropped.length > 0 && taken.size === 0) tell(words.noneTaken);
  }

  const drop = document.getElementById("drop");
  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("over"));
  // What is dropped later is taken later, however long it takes to tell what it is.
  let dropping = Promise.resolve();
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    forget();
    const dropped = [...event.dataTransfer.files];
    if (dropped.length > Number(words.maxDropped)) {
      tell(words.tooManyDropped);
      return;
    }
    dropping = dropping.then(async () => take(dropped, await Promise.all(dropped.map(kind))));
  });
  // A file that misses the place is not opened in the page's stead.
  for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => event.preventDefault());

  for (const input of Object.values(inputs)) input.addEventListener("input", forget);
  for (const input of files) {
    input.addEventListener("change", () => { if (inputs.file.files[0]) run(false); else forget(); });
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); run(true); });

  const tellPrinted = () => { document.getElementById("printed").hidden = !printed.has("decision"); };
  // Another code may be opened where this page is open already.
  addEventListener("hashchange", () => {
    if (!code().has("decision")) return;
    printed = code();
    tellPrinted();
    if (inputs.file.files[0]) run(false);
  });
  tellPrinted();
  form.hidden = false;
  without.hidden = true;
  tell(words.loading);
  started.then(() => { if (latest === 0) tell(words.ready); }, (err) => {
    tell(broken(err));
    without.hidden = false;
    form.hidden = true;
  });
})();
