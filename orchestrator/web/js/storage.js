/** What this browser keeps for the page: for the tab, or for the device. Where it may keep nothing, until a reload. */

class Forgetful extends Map {
  getItem(name) { return this.get(name) ?? null; }
  setItem(name, value) { this.set(name, value); }
  removeItem(name) { this.delete(name); }
}

function opened(name) {
  try {
    window[name].getItem("");
    return window[name];
  } catch { // cookies are blocked, and these with them
    return new Forgetful();
  }
}

export const forTab = opened("sessionStorage");
export const forDevice = opened("localStorage");
