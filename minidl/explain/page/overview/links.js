// Links to steps. A station grows when it's drawn, so all that will be in sight is drawn before the page jumps.

const REACH = 400; // pixels around the window within which stations are drawn

/** Draw the target's station and those that come in sight with it: then nothing pushes it away. */
function settle(stations, target) {
  const box = (i) => stations[i].element.getBoundingClientRect();
  const near = REACH + 100; // what stays free above a target is less
  for (let i = target; i >= 0 && box(target).top - box(i).bottom < near; i--) stations[i].arrive();
  for (let i = target + 1; i < stations.length && box(i).top - box(target).top < innerHeight + near; i++) {
    stations[i].arrive();
  }
}

/** Have all links to steps arrive: those that are clicked, and the one that the page is opened or come back with. */
function followLinks(stations) {
  const aim = (hash) => stations.findIndex((station) => `#${station.element.id}` === hash);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const target = link ? aim(link.getAttribute("href")) : -1;
    if (target >= 0) settle(stations, target);
  });
  const go = () => {
    const target = aim(location.hash);
    if (target < 0) return;
    settle(stations, target);
    stations[target].element.scrollIntoView();
  };
  addEventListener("hashchange", go);
  go();
}
