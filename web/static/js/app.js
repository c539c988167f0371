/** The page: three panels over one worker. */
import { make } from "./dom.js";
import { Draw } from "./draw.js";
import { Engine } from "./engine.js";
import { Restore } from "./restore.js";
import { say } from "./status.js";
import { Translate } from "./translate.js";

const PANELS = { draw: Draw, restore: Restore, translate: Translate };
const panels = {};
const tabs = Object.keys(PANELS).map((name) => document.getElementById(`tab-${name}`));

function select(name, focus = false) {
  for (const tab of tabs) {
    const own = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", own);
    tab.tabIndex = own ? 0 : -1;
    if (own && focus) tab.focus();
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !own;
  }
  panels[name]?.open();
}

function go(name, focus) {
  history.replaceState(null, "", `#${name}`);
  select(name, focus);
}

tabs.forEach((tab, i) => {
  tab.onclick = () => go(tab.getAttribute("aria-controls"));
  tab.onkeydown = ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step) go(tabs.at((i + step) % tabs.length).getAttribute("aria-controls"), true);
  };
});

function named() {
  const name = location.hash.slice(1);
  return name in PANELS ? name : "draw";
}

async function start() {
  const engine = new Engine();
  engine.ask({ op: "warm" }).catch(() => {}); // a failure is reported when a model needs the runtime
  const response = await fetch(new URL("../models/index.json", import.meta.url));
  if (!response.ok) throw new Error("The list of models is missing: build the page with web/build.py.");
  const manifest = await response.json();
  for (const [name, Panel] of Object.entries(PANELS)) {
    const models = manifest.models.filter((model) => model.panel === name);
    const section = document.getElementById(name);
    if (models.length) {
      panels[name] = new Panel(engine, models);
      section.append(panels[name].element);
    } else section.append(make("p", { className: "empty" }, "There is no trained model for this yet."));
  }
  say("Ready");
  select(named());
  window.onhashchange = () => select(named());
  engine.ask({ op: "tidy", manifest }).catch(() => {}); // only frees space
}

select(named());
start().catch((error) => say(error.message, true));
