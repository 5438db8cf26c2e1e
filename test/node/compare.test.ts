import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KERNEL_FIXTURES } from "../kernel/harness.ts";
import { temporaryFolder, vethlab } from "../support/cli.ts";

const recording = (name: string): string => join(KERNEL_FIXTURES, name);

describe("vethlab compare", () => {
  it("finds a folder of captures equal to itself", () => {
    const folder = recording("02-published-port");
    const { status, stdout } = vethlab(["compare", folder, folder]);
    expect(status).toBe(0);
    expect(stdout).toContain("24/24 frames equal");
  });

  it("decodes the first difference field by field", () => {
    const folder = temporaryFolder();
    const bytes = readFileSync(join(recording("06-veth-pair"), "veth-a.pcap"));
    // the TTL of the third frame, an echo request: file header, two ARP frames, record header, Ethernet, 8 bytes of IP
    const at = 24 + 2 * (16 + 42) + 16 + 14 + 8;
    expect(bytes[at]).toBe(64);
    bytes[at] = 63;
    const other = join(folder, "veth-a.pcap");
    writeFileSync(other, bytes);
    const { status, stdout } = vethlab(["compare", join(recording("06-veth-pair"), "veth-a.pcap"), other]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/ttl.*64.*63/i);
  });

  it("says that a capture is cut short", () => {
    const folder = temporaryFolder();
    const path = join(recording("06-veth-pair"), "veth-a.pcap");
    const cut = join(folder, "cut.pcap");
    writeFileSync(cut, readFileSync(path).subarray(0, 300));
    const { status, stdout, stderr } = vethlab(["compare", path, cut]);
    expect(status).toBe(2);
    expect(stdout + stderr).toMatch(/cut\.pcap|truncated/);
    expect(stderr).not.toMatch(/at .*\.js:/);
  });

  it("refuses what is no capture, and what is not there", () => {
    const folder = temporaryFolder();
    const text = join(folder, "x.pcap");
    writeFileSync(text, "this is no capture\n");
    expect(vethlab(["compare", text, text]).status).toBe(2);
    expect(vethlab(["compare", join(folder, "none"), text])).toMatchObject({
      status: 1,
      stderr: `vethlab: ${join(folder, "none")}: no such file or directory\n`,
    });
    expect(vethlab(["compare", text]).status).toBe(2);
  });
});
