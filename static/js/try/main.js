// Try a photo on a run: the file is sent as it is, so that the answer is the one the evaluation would have given.
import { startClassify } from "../public/classify.js";

// The address named a photo of the data set; what is shown now is another.
const forget = () => location.search && history.replaceState(null, "", location.pathname);

for (const form of document.querySelectorAll("form[data-classify]")) startClassify(form, { side: Infinity, onAnswer: forget });
