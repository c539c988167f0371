/** Restore: larger, in colours, or with holes filled. */
import { choice, make } from "./dom.js";
import { PictureTask } from "./picture_task.js";

export class Restore {
  constructor(engine, models) {
    const task = new PictureTask(engine, "restore");
    const choose = (model) => task.choose(model, "fill" in model.endpoints ? "fill" : "restore", model.action);
    choose(models[0]);
    const controls = make("div", { className: "controls" }, choice(models, choose), task.tools, task.actions);
    this.element = make("div", { className: "columns" }, controls, make("div", { className: "stage" }, task.content));
  }

  open() {}
}
