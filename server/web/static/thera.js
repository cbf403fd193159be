// The live log: what is printed while the page is open. Without it, the page is a snapshot.
(() => {
  "use strict";
  const log = document.getElementById("log");
  if (!log) return;
  const follow = document.getElementById("follow");
  const pill = document.getElementById("state");
  const empty = document.getElementById("empty");
  let { cursor, style } = log.dataset;

  // Every piece of text becomes a text node: nothing that was printed can be markup.
  const write = (pieces) => {
    const added = document.createDocumentFragment();
    for (const [classes, text] of pieces) {
      const node = document.createElement("span");
      node.className = classes;
      node.textContent = text;
      added.append(node);
    }
    log.append(added);
    if (!pieces.length) return;
    empty.hidden = true;
    if (follow.checked) log.scrollTop = log.scrollHeight;
  };

  // Gives the pause before the next look in milliseconds, or null when there is nothing more to come.
  const look = async () => {
    const wanted = new URLSearchParams({ after: cursor, style });
    const answer = await fetch(`${log.dataset.more}?${wanted}`, { redirect: "manual" });
    if (answer.type === "opaqueredirect") { location.reload(); return null; } // the session is over
    if (answer.status === 404) return null;
    if (!answer.ok) return 5000;
    const page = await answer.json();
    write(page.pieces);
    ({ cursor, style } = page);
    pill.textContent = page.state;
    pill.className = `pill ${page.state}`;
    if (page.ended) return null;
    return page.more ? 0 : 1000;
  };
  const go = async () => {
    let pause = 5000;
    try { pause = await look(); } catch { /* the server is away; it is asked again */ }
    if (pause === null) follow.closest("label").hidden = true;
    else setTimeout(go, pause);
  };

  // Scrolling up stops following, scrolling to the end takes it up again.
  log.addEventListener("scroll", () => {
    follow.checked = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  });
  follow.addEventListener("change", () => { if (follow.checked) log.scrollTop = log.scrollHeight; });
  if (log.dataset.ended === "yes") return;
  follow.closest("label").hidden = false;
  log.scrollTop = log.scrollHeight;
  go();
})();
