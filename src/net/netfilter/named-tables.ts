// Tables that rules share by name and that show as files of /proc/net: made with the first rule that names one, gone with the
// last (recent_table_lookup, htable_find_get and their put).

interface Named<T> {
  readonly value: T;
  users: number;
}

export class NamedTables<T> {
  private readonly tables: Map<string, Named<T>> = new Map();

  get names(): string[] {
    return [...this.tables.keys()];
  }

  get(name: string): T | undefined {
    return this.tables.get(name)?.value;
  }

  /** A rule uses a table, which is made if there is none of the name; `release` ends that. */
  use(name: string, create: () => T): { readonly value: T; release(): void } {
    let table = this.tables.get(name);
    if (!table) {
      table = { value: create(), users: 0 };
      this.tables.set(name, table);
    }
    const used = table;
    used.users++;
    return {
      value: used.value,
      release: () => {
        if (--used.users === 0) this.tables.delete(name);
      },
    };
  }
}
