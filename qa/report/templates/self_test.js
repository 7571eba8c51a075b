"use strict";
// Uses the report as a reader does, and leaves what it found in the attribute data-self-test of the document.
(async () => {
  const $ = (id) => document.getElementById(id);
  const wrong = [];
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  function check(right, what) { if (!right) wrong.push(what); }
  function set(input, value, kind = "input") { input.value = value; input.dispatchEvent(new Event(kind, { bubbles: true })); }
  const rows = [...document.querySelectorAll("tr.filtered")], sections = [...document.querySelectorAll("details.scenario")];
  const shown = (items) => items.filter((item) => !item.hidden);

  async function filters() {
    set($("filter-result"), "");
    check(shown(rows).length === rows.length, "without a filter not all rows are shown");
    const name = rows[0].dataset.name;
    set($("filter-text"), name);
    check(shown(rows).some((row) => row.dataset.name === name), `filter ${name}: its row is hidden`);
    check(shown(rows).every((row) => name.toLowerCase().split(/\s+/).every((w) => JSON.stringify({ ...row.dataset }).toLowerCase().includes(JSON.stringify(w).slice(1, -1)))), `filter ${name}: a row that does not match`);
    set($("filter-text"), "no scenario has this name");
    check(shown(rows).length === 0 && shown(sections).length === 0, "a filter that matches nothing shows something");
    check($("filter-count").textContent.startsWith("0 of "), "the number of shown scenarios is wrong");
    set($("filter-text"), "");
    for (const option of $("filter-result").options) {
      set($("filter-result"), option.value);
      if (option.value && option.value !== "ran") {
        check(shown(rows).length > 0 && shown(rows).every((row) => row.dataset.result === option.value), `filter by ${option.value}`);
      }
    }
    set($("filter-result"), "");
    for (const option of $("filter-tag").options) {
      set($("filter-tag"), option.value);
      if (option.value) check(shown(rows).every((row) => row.dataset.tags.split(" ").includes(option.value)), `filter by tag ${option.value}`);
    }
    set($("filter-tag"), "");
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }));
    check(document.activeElement === $("filter-text"), "the key / does not lead to the filter");
    set($("scale"), "100");
    check(document.documentElement.style.getPropertyValue("--px-per-minute") === "100px", "the scale is not set");
    const box = document.querySelector(".timeline > svg");
    if (box) {
      box.closest("details.scenario").open = true;
      const wanted = 100 * Number(box.style.getPropertyValue("--minutes"));
      check(Math.abs(box.getBoundingClientRect().width - wanted) < 1, "the timeline is not as wide as its scale says");
    }
  }

  async function opened(section) {
    section.open = true;
    for (let tries = 0; tries < 100 && section.querySelector(".machines > .loading"); tries += 1) {
      if (section.querySelector(".machines > .loading").textContent === section.querySelector(".machines").dataset.empty) break;
      await pause(50);
    }
    const empty = section.querySelector(".machines > .loading");
    check(!empty || empty.textContent === section.querySelector(".machines").dataset.empty, `${section.dataset.name}: no data`);
  }

  async function player(part, name) {
    const slider = part.querySelector(".bar input[type=range]"), button = part.querySelector(".play"), image = part.querySelector(".screen img");
    const lines = part.querySelectorAll(".console div:not(.gap)");
    check(lines.length > 0, `${name}: the console is empty`);
    set(slider, "0");
    const first = image?.getAttribute("src");
    button.click();
    await pause(1500);
    // A short console has been played to its end.
    if (button.textContent.includes("pause")) button.click();
    const reached = Number(slider.value);
    check(reached > 0 || Number(slider.max) === 0, `${name}: the player does not play`);
    await pause(500);
    check(Number(slider.value) === reached || reached >= Number(slider.max), `${name}: the player does not pause`);
    set(slider, slider.max);
    check(part.querySelector(".console .now"), `${name}: the console is not at the player's time`);
    if (image) {
      await image.decode().catch(() => check(false, `${name}: ${image.getAttribute("src")} is no picture`));
      const last = image.getAttribute("src");
      check(part.dataset.frames === "1" || last !== first, `${name}: the picture does not change`);
    }
  }

  async function search(part, name) {
    const input = part.querySelector(".bar input[type=search]"), only = part.querySelector(".bar input[type=checkbox]");
    const lines = [...part.querySelectorAll(".console div:not(.gap)")];
    const text = lines.map((line) => line.lastChild.textContent.trim()).find((line) => line.length > 8);
    if (!text) return;
    set(input, text);
    check(part.querySelector(".console .hit.current"), `${name}: the search does not find ${text}`);
    only.click();
    const visible = lines.filter((line) => line.getClientRects().length);
    check(visible.length > 0 && visible.every((line) => line.classList.contains("hit")), `${name}: lines without the text are shown`);
    only.click();
    set(input, "");
    check(!part.querySelector(".console .hit"), `${name}: the search does not end`);
    const symptoms = part.querySelectorAll(".console .symptom").length;
    const next = part.querySelector(".next-symptom");
    check(Boolean(symptoms) === Boolean(next), `${name}: symptoms without a button`);
    if (next) { next.click(); check(part.querySelector(".console .symptom.current"), `${name}: the button does not lead to a symptom`); }
  }

  try {
    await filters();
    for (const section of sections) await opened(section);
    for (const section of sections.slice(0, 5)) {
      for (const part of [...section.querySelectorAll(".machine")].slice(0, 2)) {
        const name = `${section.dataset.name}, ${part.dataset.machine}`;
        await search(part, name);
        await player(part, name);
      }
      const box = section.querySelector(".box[data-machine]");
      const part = box && [...section.querySelectorAll(".machine")].find((p) => p.dataset.machine === box.dataset.machine);
      if (part) {
        box.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        const slider = part.querySelector(".bar input[type=range]");
        check(Math.abs(Number(slider.value) - Number(box.dataset.at)) < 0.2, `${section.dataset.name}: the timeline does not lead to a time`);
      }
    }
    for (const link of document.querySelectorAll(".matrix a")) {
      check($(decodeURIComponent(link.hash.slice(1))), `the link ${link.hash} leads nowhere`);
    }
    check(!("injected" in window), "a text of the artifacts was executed");
    check(!document.querySelector("[onerror], .console b, .console script, .matrix img"), "a text of the artifacts became markup");
    check(document.documentElement.scrollWidth <= innerWidth + 1, "the page is wider than the window");
  } catch (error) {
    wrong.push(`${error}\n${error.stack}`);
  }
  document.documentElement.dataset.selfTest = JSON.stringify({ rows: rows.length, sections: sections.length, wrong });
})();
