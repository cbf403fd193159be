// The live log: colours from ANSI codes, and what is printed while the page is open. Without it, the page is a snapshot.
(() => {
  "use strict";
  const log = document.getElementById("log");
  if (!log) return;
  const follow = document.getElementById("follow");
  const pill = document.getElementById("state");
  let style = [];

  // Every piece of text becomes a text node: nothing that was printed can be markup.
  const write = (text) => {
    const pieces = document.createDocumentFragment();
    for (const part of text.split(/(\x1b\[[0-9;]*m)/)) {
      const code = /^\x1b\[([0-9;]*)m$/.exec(part);
      if (code) {
        for (const number of (code[1] || "0").split(";").map(Number)) {
          if (number === 0) style = [];
          else if (number === 1) style.push("bold");
          else if ((number >= 31 && number <= 36) || (number >= 91 && number <= 96)) style.push(`fg${number}`);
          else if (number === 39) style = style.filter((name) => !name.startsWith("fg"));
        }
      } else if (part) {
        const node = style.length ? document.createElement("span") : document.createTextNode(part);
        if (style.length) { node.className = style.join(" "); node.textContent = part; }
        pieces.append(node);
      }
    }
    log.append(pieces);
  };

  const first = log.textContent;
  log.textContent = "";
  write(first);

  let cursor = log.dataset.cursor;
  let ended = log.dataset.ended === "yes";
  const look = async () => {
    if (ended) return;
    let pause = 1000;
    try {
      const answer = await fetch(`${log.dataset.more}?after=${cursor}`);
      if (answer.ok) {
        const page = await answer.json();
        if (page.text) write(page.text);
        cursor = page.cursor;
        ended = page.ended;
        pill.textContent = page.state;
        pill.className = `pill ${page.state}`;
        if (page.text && follow.checked) window.scrollTo(0, document.body.scrollHeight);
      }
    } catch { pause = 5000; }
    setTimeout(look, pause);
  };
  if (!ended) look();
})();
