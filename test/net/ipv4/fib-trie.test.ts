import fc from "fast-check";
import { expect, test } from "vitest";
import { NetError } from "../../../src/base/errno.ts";
import { SIGN } from "../../../src/net/core/packet-box.ts";
import { FibSpan } from "../../../src/net/ipv4/fib-span.ts";
import { FibTable } from "../../../src/net/ipv4/fib-trie.ts";
import { FibInfo, FibNh, FibResult, fibConfig, NLM_F_CREATE, NLM_F_EXCL } from "../../../src/net/ipv4/fib-types.ts";
import { FlowKey } from "../../../src/net/ipv4/rtable.ts";

function emptyTable(): FibTable {
  return new FibTable(254, {
    createInfo: (config) => new FibInfo(config, [new FibNh(1, config.gw, 1, 0)]),
    releaseInfo: () => {},
    matchesNexthops: (config, info) => config.gw === 0 || config.gw === info.nhs[0]!.gw,
  });
}

/** Prefixes that share bits often, so that they nest and part everywhere. */
const prefix = fc
  .tuple(fc.integer({ min: 0, max: 32 }), fc.array(fc.boolean(), { minLength: 32, maxLength: 32 }), fc.nat(3))
  .map(([length, bits, run]) => {
    let value = 0;
    for (let i = 0; i < 32; i++) value = value * 2 + (i < run * 8 ? 0 : bits[i] ? 1 : 0);
    const mask = length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
    return { dst: (value & mask) >>> 0, dstLen: length };
  });

test("the trie finds the longest prefix, as a search through all routes does, whatever came and went; and how far it holds", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ route: prefix, add: fc.boolean() }), { maxLength: 60 }),
      fc.array(fc.nat(0xffffffff), { minLength: 20, maxLength: 20 }),
      (changes, addresses) => {
        const table = emptyTable();
        const routes = new Map<string, { dst: number; dstLen: number; gw: number }>();
        let gw = 0;
        for (const { route, add } of changes) {
          const key = `${route.dst}/${route.dstLen}`;
          gw++;
          try {
            if (add) {
              table.insert(fibConfig({ ...route, gw, nlflags: NLM_F_CREATE | NLM_F_EXCL }));
              expect(routes.has(key)).toBe(false);
              routes.set(key, { ...route, gw });
            } else {
              table.delete(fibConfig(route));
              expect(routes.delete(key)).toBe(true);
            }
          } catch (error) {
            if (!(error instanceof NetError)) throw error;
            expect(routes.has(key)).toBe(add);
          }
        }
        const all = [...routes.values()];
        const fl = new FlowKey();
        const res = new FibResult();
        for (const address of [...addresses, ...all.map((route) => route.dst)]) {
          fl.daddr = address;
          const found = table.lookup(fl, res, 0) === 0 ? res.nh.gw : 0;
          const best = all
            .filter(({ dst, dstLen }) => dstLen === 0 || (address ^ dst) >>> (32 - dstLen) === 0)
            .sort((a, b) => b.dstLen - a.dstLen)[0];
          expect(found).toBe(best?.gw ?? 0);
          const span = new FibSpan();
          table.narrow(span, address);
          const near = [span.low, span.high, ...addresses.map((other) => other ^ SIGN)];
          for (const other of near.filter((at) => at >= span.low && at <= span.high)) {
            fl.daddr = (other ^ SIGN) >>> 0;
            expect(table.lookup(fl, res, 0) === 0 ? res.nh.gw : 0).toBe(found);
          }
          expect(span.low <= (address ^ SIGN) && (address ^ SIGN) <= span.high).toBe(true);
        }
        const dumped = [...table.entries()].map(({ prefix: dst, length }) => [dst, length]);
        const sorted = all.sort((a, b) => a.dst - b.dst || b.dstLen - a.dstLen).map(({ dst, dstLen }) => [dst, dstLen]);
        expect(dumped).toEqual(sorted);
      },
    ),
    { numRuns: 200 },
  );
});
