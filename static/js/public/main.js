// The public page.
import { startClassify } from "./classify.js";

const SIDE = 1024;

for (const form of document.querySelectorAll("form[data-classify]")) startClassify(form, { side: SIDE });
