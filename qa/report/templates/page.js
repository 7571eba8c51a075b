"use strict";
// The report's page: filter, scale, and for each scenario that is opened its consoles and screens.
// All text of consoles goes through textContent; nothing is ever parsed as HTML.
(() => {
  const $ = (id) => document.getElementById(id);
  const sections = new Map();
  for (const section of document.querySelectorAll("details.scenario")) sections.set(section.dataset.name, section);

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function seconds(value) {
    const whole = Math.floor(value);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }

  // Filter.

  function filter() {
    const words = $("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const result = $("filter-result").value, tag = $("filter-tag").value;
    let shown = 0, rows = 0;
    for (const item of document.querySelectorAll(".filtered")) {
      const data = item.dataset, text = `${data.name} ${data.result} ${data.tags} ${data.error}`.toLowerCase();
      item.hidden = !(words.every((word) => text.includes(word)) && (!result || data.result === result || (result === "ran" && data.result !== "not run"))
        && (!tag || data.tags.split(" ").includes(tag)));
      if (item.tagName === "TR") { rows += 1; shown += item.hidden ? 0 : 1; }
    }
    $("filter-count").textContent = shown === rows ? "" : `${shown} of ${rows} scenarios`;
  }

  $("filter").addEventListener("input", filter);
  $("filter").addEventListener("submit", (event) => event.preventDefault());
  $("scale").addEventListener("input", () => {
    document.documentElement.style.setProperty("--px-per-minute", `${$("scale").value}px`);
  });
  filter();
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      $("filter-text").focus();
    }
  });

  // One machine: its console, and its screens when there are any.

  // The index of the last entry whose time, its first field, is not later; -1 before the first one.
  function indexAt(entries, at) {
    let low = 0, high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[middle][0] <= at) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  function consoleBox(machine) {
    const box = element("div", { class: "console", tabindex: "0", role: "log", "aria-live": "off", "aria-label": `console of ${machine.name}` });
    const rows = [], all = document.createDocumentFragment();
    machine.lines.forEach(([at, text, symptom], index) => {
      if (index === machine.gapAt) {
        all.append(element("div", { class: "gap" }, `${machine.gap} lines are left out here; the whole log has them`));
      }
      const row = element("div", {}, element("time", {}, at.toFixed(1)), text);
      if (symptom) { row.className = "symptom"; row.title = symptom; }
      rows.push(row);
      all.append(row);
    });
    box.append(all);
    return { box, rows };
  }

  function show(box, row) {
    box.scrollTop = row.offsetTop - box.clientHeight / 2;
  }

  function searchBar(machine, folder, { box, rows }) {
    let hits = [], place = -1;
    const count = element("output", { "aria-live": "polite" });
    const input = element("input", { type: "search", placeholder: "search the console", "aria-label": `search the console of ${machine.name}` });
    const only = element("input", { type: "checkbox" });
    function step(by, among = hits) {
      if (!among.length) return;
      box.querySelector(".current")?.classList.remove("current");
      place = (place + by + among.length) % among.length;
      among[place].classList.add("current");
      show(box, among[place]);
      count.textContent = `${place + 1} of ${among.length}`;
    }
    function search() {
      const wanted = input.value.toLowerCase();
      hits = [];
      rows.forEach((row, index) => {
        const hit = wanted !== "" && machine.lines[index][1].toLowerCase().includes(wanted);
        row.classList.toggle("hit", hit);
        if (hit) hits.push(row);
      });
      box.classList.toggle("only", only.checked && wanted !== "");
      place = -1;
      count.textContent = wanted ? `${hits.length} lines` : "";
      step(1);
    }
    input.addEventListener("input", search);
    only.addEventListener("change", search);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); }
    });
    const symptoms = rows.filter((row) => row.classList.contains("symptom"));
    const bar = element("div", { class: "bar" }, input, element("label", {}, only, " only these lines"), count);
    if (symptoms.length) {
      bar.append(element("button", { type: "button", class: "next-symptom", onclick: () => step(1, symptoms) }, `symptoms: ${symptoms.length}`));
    }
    bar.append(element("a", { href: `${folder}/${encodeURIComponent(machine.log)}` }, "whole log"));
    return bar;
  }

  function player(machine, folder, { box, rows }) {
    const TICK = 100;
    let at = 0, timer = 0, now = null;
    const image = element("img", { alt: `screen of ${machine.name}` });
    const slider = element("input", { type: "range", min: "0", max: String(machine.end), step: "0.1", value: "0", "aria-label": `time of ${machine.name}` });
    const time = element("output", { class: "time" });
    const speed = element("select", { "aria-label": "speed" }, ...[1, 10, 30, 60].map((n) => element("option", { value: String(n) }, `${n}×`)));
    speed.value = "30";
    const button = element("button", { type: "button", class: "play", onclick: () => (timer ? pause() : play()) }, "▶ play");
    function seek(to) {
      at = Math.min(Math.max(0, to), machine.end);
      slider.value = String(at);
      time.textContent = `${seconds(at)} of ${seconds(machine.end)}`;
      slider.setAttribute("aria-valuetext", time.textContent);
      const frame = machine.frames[Math.max(0, indexAt(machine.frames, at))];
      if (frame) {
        const source = `${folder}/${frame[1].split("/").map(encodeURIComponent).join("/")}`;
        if (image.getAttribute("src") !== source) image.setAttribute("src", source);
      }
      now?.classList.remove("now");
      now = rows[indexAt(machine.lines, at)] ?? null;
      if (now) { now.classList.add("now"); show(box, now); }
    }
    function pause() { clearInterval(timer); timer = 0; button.textContent = "▶ play"; }
    function play() {
      if (at >= machine.end) seek(0);
      button.textContent = "❚❚ pause";
      timer = setInterval(() => {
        seek(at + (TICK / 1000) * Number(speed.value));
        if (at >= machine.end) pause();
      }, TICK);
    }
    slider.addEventListener("input", () => seek(Number(slider.value)));
    seek(machine.frames.length ? machine.end : 0);
    return { bar: element("div", { class: "bar" }, button, slider, time, speed), image, seek };
  }

  function machinePart(machine, folder) {
    const lines = consoleBox(machine), controls = player(machine, folder, lines);
    const view = element("div", { class: "view" });
    if (machine.frames.length) view.append(element("div", { class: "screen" }, controls.image));
    view.append(lines.box);
    const part = element("div", { class: "machine" }, element("h3", {}, machine.name), controls.bar, searchBar(machine, folder, lines), view);
    part.dataset.machine = machine.name;
    part.dataset.frames = machine.frames.length;
    part.seek = controls.seek;
    return part;
  }

  // Called by the data files.
  window.dom0kitReport = ({ scenario, machines }) => {
    const section = sections.get(scenario), target = section?.querySelector(".machines");
    if (!target) return;
    const parts = machines.map((machine) => machinePart(machine, section.dataset.folder));
    target.replaceChildren(...(parts.length ? parts : [element("p", { class: "loading" }, target.dataset.empty)]));
    // Only now that they have a size can the consoles be scrolled.
    parts.forEach((part, index) => part.seek(machines[index].frames.length ? machines[index].end : 0));
    section.dispatchEvent(new CustomEvent("loaded"));
  };

  function load(section) {
    if (section.dataset.loaded) return;
    section.dataset.loaded = "yes";
    const script = element("script", { src: section.dataset.script });
    script.addEventListener("error", () => {
      section.querySelector(".machines").replaceChildren(element("p", { class: "loading" }, "The data file is missing: copy the whole folder of artifacts."));
    });
    document.head.append(script);
  }

  for (const section of sections.values()) {
    section.addEventListener("toggle", () => { if (section.open) load(section); });
    if (section.open) load(section);
    section.addEventListener("click", (event) => {
      const box = event.target.closest(".box[data-machine]");
      if (!box) return;
      for (const part of section.querySelectorAll(".machine")) {
        if (part.dataset.machine === box.dataset.machine) part.seek(Number(box.dataset.at));
      }
    });
  }

  function openTarget() {
    const target = location.hash && $(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView(); target.querySelector("summary").focus({ preventScroll: true }); }
  }
  window.addEventListener("hashchange", openTarget);
  for (const link of document.querySelectorAll(".matrix a")) link.addEventListener("click", () => setTimeout(openTarget));
  openTarget();
})();
