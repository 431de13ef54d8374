// What every page needs: menus, themes, toasts, confirmation, htmx and the forms that must not be sent twice.
import { startMenus } from "./menu.js";
import { startThemes } from "./themes.js";
import { startToasts } from "./toasts.js";
import { startConfirm } from "./confirm.js";
import { startPolling } from "./poll.js";
import { startForms } from "./forms.js";

startMenus();
startThemes();
startToasts();
startConfirm();
startPolling();
startForms();
