// brctl against what bridge-utils 1.7.1 printed on Linux 6.18.

import { describe, expect, test } from "vitest";
import { SEC } from "../../src/base/time.ts";
import { devOpen } from "../../src/net/core/dev.ts";
import type { Net } from "../../src/net/core/net.ts";
import type { NetDevice } from "../../src/net/core/net-device.ts";
import { createVethPair } from "../../src/net/link/veth.ts";
import { brctl } from "../../src/tools/brctl.ts";
import { parseMac } from "../../src/wire/addr.ts";
import { ToolLab } from "./tool-lab.ts";

function veth(net: Net, name: string, peer: string, mac: string): [NetDevice, NetDevice] {
  const pair = createVethPair(net, name, net, peer);
  pair[0].address.set(parseMac(mac)!);
  return pair;
}

/** A host with two veth pairs, va (02:…:0a) and vb (02:…:0b). */
function twoPorts(): { lab: ToolLab; net: Net; sh: (...lines: string[]) => string } {
  const lab = new ToolLab();
  const host = lab.host();
  const { net } = host.netns;
  veth(net, "va", "vap", "02:00:00:00:00:0a");
  veth(net, "vb", "vbp", "02:00:00:00:00:0b");
  return { lab, net, sh: (...lines) => lab.transcript(host, brctl, lines) };
}

describe("bridges and ports", () => {
  test("come and go, and mistakes are told as bridge-utils tells them", () => {
    const { sh } = twoPorts();
    const said = sh(
      "brctl show",
      "brctl addbr br0",
      "brctl addbr br0",
      "brctl addbr a b",
      "brctl addbr thisnameistoolongforabridge",
      "brctl addbr a/b",
      "brctl delbr nope",
      "brctl delbr lo",
      "brctl addif br0 nope",
      "brctl addif nope lo",
      "brctl addif lo va",
      "brctl addif br0 lo",
      "brctl addif br0 va vb",
      "brctl addif br0 va",
      "brctl addif br0 br0",
      "brctl addbr br1",
      "brctl delif br0 nope",
      "brctl delif br1 va",
      "brctl delif lo va",
      "brctl delif nope va",
      "brctl delif br0 vb va",
      "brctl delif br0 vb",
      "brctl show",
      "brctl addif br0 va vb",
      "brctl show br0 br1",
      "brctl show nope br1",
      "brctl show lo",
    );
    expect(said).toBe(`$ brctl show
[0]
$ brctl addbr br0
[0]
$ brctl addbr br0
device br0 already exists; can't create bridge with the same name
[1]
$ brctl addbr a b
[0]
$ brctl addbr thisnameistoolongforabridge
[0]
$ brctl addbr a/b
add bridge failed: Invalid argument
[1]
$ brctl delbr nope
bridge nope doesn't exist; can't delete it
[1]
$ brctl delbr lo
can't delete bridge lo: Operation not permitted
[1]
$ brctl addif br0 nope
interface nope does not exist!
[1]
$ brctl addif nope lo
bridge nope does not exist!
[1]
$ brctl addif lo va
can't add va to bridge lo: Operation not supported
[1]
$ brctl addif br0 lo
can't add lo to bridge br0: Invalid argument
[1]
$ brctl addif br0 va vb
[0]
$ brctl addif br0 va
device va is already a member of a bridge; can't add it to bridge br0.
[1]
$ brctl addif br0 br0
device br0 is a bridge device itself; can't add a bridge device to a bridge device.
[1]
$ brctl addbr br1
[0]
$ brctl delif br0 nope
interface nope does not exist!
[1]
$ brctl delif br1 va
device va is not a port of br1
[1]
$ brctl delif lo va
can't delete va from lo: Operation not supported
[1]
$ brctl delif nope va
bridge nope does not exist!
[1]
$ brctl delif br0 vb va
[0]
$ brctl delif br0 vb
device vb is not a port of br0
[1]
$ brctl show
bridge name	bridge id		STP enabled	interfaces
a		8000.000000000000	no		
br0		8000.000000000000	no		
br1		8000.000000000000	no		
thisnameistoolo		8000.000000000000	no		
[0]
$ brctl addif br0 va vb
[0]
$ brctl show br0 br1
bridge name	bridge id		STP enabled	interfaces
br0		8000.02000000000a	no		va
							vb
br1		8000.000000000000	no		
[0]
$ brctl show nope br1
bridge nope does not exist!
bridge name	bridge id		STP enabled	interfaces
br1		8000.000000000000	no		
[1]
$ brctl show lo
device lo is not a bridge!
[1]
`);
  });

  test("a bridge that is up is not deleted", () => {
    const { net, sh } = twoPorts();
    sh("brctl addbr br0");
    devOpen(net.deviceByName("br0")!);
    expect(sh("brctl delbr br0")).toBe("$ brctl delbr br0\nbridge br0 is still up; can't delete it\n[1]\n");
  });
});

describe("settings", () => {
  test("are refused with the words of the setting", () => {
    const { sh } = twoPorts();
    sh("brctl addbr br0", "brctl addif br0 va", "brctl addbr br1");
    const said = sh(
      "brctl stp br0 foo",
      "brctl stp nope on",
      "brctl stp lo on",
      "brctl setageing br0 abc",
      "brctl setageing nope 3",
      "brctl setbridgeprio br0 x",
      "brctl setbridgeprio nope 3",
      "brctl setfd br0 x",
      "brctl setfd br0 100",
      "brctl sethello br0 100",
      "brctl sethello br0 x",
      "brctl setmaxage br0 2",
      "brctl setmaxage lo 1",
      "brctl stp br0 on",
      "brctl setfd br0 1",
      "brctl setpathcost br0 va 0",
      "brctl setpathcost br0 va 70000",
      "brctl setpathcost br0 va x",
      "brctl setpathcost br0 nope 3",
      "brctl setpathcost br0 br1 3",
      "brctl setpathcost nope va 3",
      "brctl setportprio br0 va 64",
      "brctl setportprio br0 va x",
      "brctl hairpin br0 vb on",
      "brctl hairpin lo va on",
      "brctl hairpin br0 nope on",
      "brctl hairpin br0 va foo",
      "brctl setfd",
    );
    expect(said).toBe(`$ brctl stp br0 foo
expect on/off for argument
[1]
$ brctl stp nope on
set stp status failed: No such device
[1]
$ brctl stp lo on
set stp status failed: Operation not supported
[1]
$ brctl setageing br0 abc
bad ageing time value
[1]
$ brctl setageing nope 3
set ageing time failed: No such device
[1]
$ brctl setbridgeprio br0 x
bad priority
[1]
$ brctl setbridgeprio nope 3
set bridge priority failed: No such device
[1]
$ brctl setfd br0 x
bad forward delay value
[1]
$ brctl setfd br0 100
[0]
$ brctl sethello br0 100
set hello timer failed: Numerical result out of range
[1]
$ brctl sethello br0 x
bad hello timer value
[1]
$ brctl setmaxage br0 2
set max age failed: Numerical result out of range
[1]
$ brctl setmaxage lo 1
set max age failed: Operation not supported
[1]
$ brctl stp br0 on
[0]
$ brctl setfd br0 1
set forward delay failed: Numerical result out of range
[1]
$ brctl setpathcost br0 va 0
set path cost failed: Numerical result out of range
[1]
$ brctl setpathcost br0 va 70000
set path cost failed: Numerical result out of range
[1]
$ brctl setpathcost br0 va x
bad path cost value
[1]
$ brctl setpathcost br0 nope 3
set path cost failed: No such device
[1]
$ brctl setpathcost br0 br1 3
set path cost failed: No such file or directory
[1]
$ brctl setpathcost nope va 3
[0]
$ brctl setportprio br0 va 64
set port priority failed: Numerical result out of range
[1]
$ brctl setportprio br0 va x
bad path priority value
[1]
$ brctl hairpin br0 vb on
can't set vb to hairpin on bridge br0: No such file or directory
[1]
$ brctl hairpin lo va on
can't set va to hairpin on bridge lo: Operation not supported
[1]
$ brctl hairpin br0 nope on
interface nope does not exist!
[1]
$ brctl hairpin br0 va foo
expect on/off for argument
[1]
$ brctl setfd
Incorrect number of arguments for command
Usage: brctl setfd <bridge> <time>		set bridge forward delay
[1]
`);
  });

  test("show in showstp, in hundredths of a second", () => {
    const { net, sh } = twoPorts();
    sh("brctl addbr br0", "brctl addif br0 va vb");
    devOpen(net.deviceByName("br0")!);
    sh("brctl stp br0 on", "brctl stp br0 off", "brctl setageing br0 1.5", "brctl setageing br0 10x");
    sh("brctl setbridgeprio br0 70000", "brctl setbridgeprio br0 0x1000", "brctl setfd br0 100");
    sh("brctl sethello br0 1", "brctl setmaxage br0 10", "brctl stp br0 on", "brctl setpathcost br0 va 3");
    sh("brctl setportprio br0 va 63", "brctl hairpin br0 va on");
    const said = sh("brctl showstp br0").replace(/(hello timer|gc timer)(\t+) +\d+\.\d\d/g, "$1$2x");
    expect(said).toBe(`$ brctl showstp br0
br0
 bridge id		1000.02000000000a
 designated root	1000.02000000000a
 root port		   0			path cost		   0
 max age		  10.00			bridge max age		  10.00
 hello time		   1.00			bridge hello time	   1.00
 forward delay		  30.00			bridge forward delay	  30.00
 ageing time		  10.00
 hello timer		x			tcn timer		   0.00
 topology change timer	   0.00			gc timer		x
 flags			


va (1)
 port id		fc01			state		       disabled
 designated root	8000.02000000000a	path cost		   3
 designated bridge	8000.02000000000a	message age timer	   0.00
 designated port	8001			forward delay timer	   0.00
 designated cost	   0			hold timer		   0.00
 flags			
 hairpin mode		   1

vb (2)
 port id		8002			state		       disabled
 designated root	8000.02000000000a	path cost		   2
 designated bridge	8000.02000000000a	message age timer	   0.00
 designated port	8002			forward delay timer	   0.00
 designated cost	   0			hold timer		   0.00
 flags			

[0]
`);
  });
});

test("showmacs lists stations by address, with the age of those that age", () => {
  const { lab, net, sh } = twoPorts();
  sh("brctl addbr br0", "brctl addif br0 vb va");
  for (const name of ["br0", "va", "vap", "vb", "vbp"]) devOpen(net.deviceByName(name)!);
  lab.advance(SEC);
  expect(sh("brctl showmacs br0", "brctl showmacs lo", "brctl showmacs nope")).toBe(`$ brctl showmacs br0
port no	mac addr		is local?	ageing timer
  2	02:00:00:00:00:0a	yes		   0.00
  1	02:00:00:00:00:0b	yes		   0.00
[0]
$ brctl showmacs lo
read of forward table failed: Operation not supported
[1]
$ brctl showmacs nope
read of forward table failed: No such device
[1]
`);
});

test("an unknown option or command brings the usage", () => {
  const { sh } = twoPorts();
  const usage = sh("brctl -h").split("\n").slice(1, -2).join("\n");
  expect(usage).toContain("\tsetbridgeprio\t<bridge> <prio>\t\tset bridge priority\n");
  expect(sh("brctl", "brctl -x", "brctl foo", "brctl -V")).toBe(`$ brctl
${usage}
[1]
$ brctl -x
brctl: invalid option -- 'x'
Unknown option '?'
${usage}
[1]
$ brctl foo
never heard of command [foo]
${usage}
[1]
$ brctl -V
bridge-utils, 1.7
[0]
`);
});
