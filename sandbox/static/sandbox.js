// Reload the conversation when it has changed, keeping open folds and what is being typed.
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  let known = null;
  const look = async () => {
    try {
      const version = await (await fetch(live.dataset.version)).text();
      if (known !== null && version !== known) {
        const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
        const open = [...live.querySelectorAll("details")].map((one) => one.open);
        live.innerHTML = page.getElementById("live").innerHTML;
        [...live.querySelectorAll("details")].forEach((one, place) => { one.open = open[place] || false; });
      }
      known = version;
    } catch { /* the forge is being restarted */ }
  };
  setInterval(look, 1000);
  look();
})();
