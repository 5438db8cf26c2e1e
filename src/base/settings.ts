// Sets of settings and lists that are never changed: who changes one gets another, and all who make the same change share it.
// The devices and namespaces of a lab have nearly all the same, by the thousand.

/** What a set became by a change, as long as somebody has it. */
const variants: WeakMap<object, Map<string, WeakRef<object>>> = new WeakMap();
/** As many changes of one set are known; above, all are forgotten, and what is made from then on is shared anew. */
const MANY = 1000;

function variant<T extends object>(of: object, change: string, make: () => T): T {
  let known = variants.get(of);
  if (!known) {
    known = new Map();
    variants.set(of, known);
  }
  let made = known.get(change)?.deref() as T | undefined;
  if (!made) {
    made = make();
    if (known.size >= MANY) known.clear();
    known.set(change, new WeakRef(made));
  }
  return made;
}

/** `settings` with `values` instead of its own; for the same change always the same object. */
export function withSettings<T extends object>(settings: T, values: Partial<T>): T {
  for (const field in values)
    if (settings[field] !== values[field])
      return variant(settings, JSON.stringify(values), () => ({ ...settings, ...values }));
  return settings;
}

/** One field, left as it is where it has that value already. */
export function withSetting<T extends object, K extends keyof T>(settings: T, field: K, value: T[K]): T {
  return withSettings(settings, { [field]: value } as unknown as Partial<T>);
}

/** `map` with an entry; undefined: without. For the same change always the same map. */
export function withEntry<V extends string | number | boolean>(
  map: ReadonlyMap<string, V>,
  key: string,
  value: V | undefined,
): ReadonlyMap<string, V> {
  if (map.get(key) === value) return map;
  return variant(map, `${key}=${value}`, () => {
    const changed = new Map(map);
    if (value === undefined) changed.delete(key);
    else changed.set(key, value);
    return changed;
  });
}

const equals: object = {};

/** Plain data (of JSON) that is never changed: for equal data always the same object. */
export function shared<T extends object>(data: T): T {
  return variant(equals, JSON.stringify(data), () => data);
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
