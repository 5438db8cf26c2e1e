// Sets of settings and lists that are never changed: who changes one gets another, and all who make the same change share it.
// The devices and namespaces of a lab have nearly all the same, by the thousand.

const variants: WeakMap<object, Map<string, object>> = new WeakMap();

/** `settings` with `values` instead of its own; for the same change always the same object. */
export function withSettings<T extends object>(settings: T, values: Partial<T>): T {
  let known = variants.get(settings);
  if (!known) {
    known = new Map();
    variants.set(settings, known);
  }
  const key = JSON.stringify(values);
  let changed = known.get(key) as T | undefined;
  if (!changed) {
    changed = { ...settings, ...values };
    known.set(key, changed);
  }
  return changed;
}

/** One field, left as it is where it has that value already. */
export function withSetting<T extends object, K extends keyof T>(settings: T, field: K, value: T[K]): T {
  return settings[field] === value ? settings : withSettings(settings, { [field]: value } as unknown as Partial<T>);
}

const longer: WeakMap<readonly object[], WeakMap<object, readonly object[]>> = new WeakMap();

/** `list` with one more at its end; for the same list and the same item always the same object. */
export function withItem<T extends object>(list: readonly T[], item: T): readonly T[] {
  let known = longer.get(list);
  if (!known) {
    known = new WeakMap();
    longer.set(list, known);
  }
  let made = known.get(item) as readonly T[] | undefined;
  if (!made) {
    made = [...list, item];
    known.set(item, made);
  }
  return made;
}
