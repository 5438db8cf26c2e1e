import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../../src/index.ts";
import { assertMatchesCapture } from "../../src/node/testing.ts";
import "../../src/node/vitest.ts";

/** A ping over a veth pair, as a capture; the TTL says which. */
async function ping(seed: number, ttl = 64): Promise<Uint8Array> {
  const lab = new Lab({ seed });
  const host = lab.addHost("host");
  await host.sh(`
    ip netns add box; ip link add veth0 type veth peer name eth0 netns box
    ip addr add 10.0.0.1/24 dev veth0; ip link set veth0 up
    ip -n box addr add 10.0.0.2/24 dev eth0; ip -n box link set eth0 up`);
  const tap = host.tap("veth0");
  await host.sh(`ping -c 1 -t ${ttl} 10.0.0.2`);
  return tap.bytes();
}

describe("captures in tests", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "vethlab-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("what a kernel draws at random does not count", async () => {
    expect(await ping(1)).toMatchCapture(await ping(2));
  });

  test("a TTL counts unless it is ignored, and the difference is said by its field", async () => {
    const [one, other] = [await ping(1), await ping(1, 33)];
    expect(other).toMatchCapture(one, { ignore: ["ttl"] });
    expect(() => assertMatchesCapture(other, one)).toThrow(/ip ttl: 64 \| 33/);
    expect(() => expect(other).toMatchCapture(one)).toThrow(/ip ttl: 64 \| 33/);
  });

  test("a file that is not there says how it is written", async () => {
    const capture = await ping(1);
    const file = join(folder, "ping.pcap");
    expect(() => assertMatchesCapture(capture, file)).toThrow(/VETHLAB_UPDATE=1/);
    process.env.VETHLAB_UPDATE = "1";
    assertMatchesCapture(capture, file);
    delete process.env.VETHLAB_UPDATE;
    assertMatchesCapture(capture, file);
  });

  test("a capture may be a file, and what is none is refused in a sentence", async () => {
    const capture = await ping(1);
    const file = join(folder, "file.pcap");
    writeFileSync(file, capture);
    assertMatchesCapture(file, capture);
    expect(() => assertMatchesCapture(1 as never, capture)).toThrow(
      new TypeError("a capture is a file's path, bytes or a tap, not number"),
    );
    expect(() => assertMatchesCapture(null as never, capture)).toThrow(/not null$/);
  });

  test("the message says which side is which", async () => {
    const [one, other] = [await ping(1), await ping(1, 33)];
    expect(() => assertMatchesCapture(other, one)).toThrow(
      /^expected on the left, actual on the right\ncapture: \d+ equal of \d+ and \d+\n {2}first difference, frame \d+ \| \d+:\n/,
    );
  });

  test("an unknown name is refused", async () => {
    const capture = await ping(1);
    expect(() => assertMatchesCapture(capture, capture, { ignore: ["colour"] })).toThrow(/cannot ignore colour/);
  });
});
