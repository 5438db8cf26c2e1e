import { expect, test } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

test("a folder of /proc/sys is there exactly when a key is below it", async () => {
  const host = new Lab({ seed: 1 }).addHost("host");
  await host.sh("ip link add br0 type bridge; ip link add va type veth peer name vb; docker run -d busybox sleep 1d");
  const { sysctl } = host.host.netns.net;
  const keys = sysctl.keys();
  expect(keys).toContain("net/ipv4/conf/va/rp_filter");
  const folders = new Set<string>();
  for (const key of keys)
    for (let at = key.indexOf("/"); at >= 0; at = key.indexOf("/", at + 1)) folders.add(key.slice(0, at + 1));
  const made = [
    "ne/",
    "net/ipv5/",
    "net/ipv4/conf/",
    "net/ipv4/conf/vx/",
    "net/ipv4/conf/va/rp_filter/",
    "net/ipv4/ip_forward/",
  ];
  for (const folder of [...folders, ...made])
    expect([folder, sysctl.hasFolder(folder)]).toEqual([folder, folders.has(folder)]);
});
