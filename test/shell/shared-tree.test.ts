import { expect, it } from "vitest";
import { Lab } from "../../src/scenario/lab.ts";

// all hosts of a process lay their /usr and /dev over one tree (shell/install.ts)
it("keeps what one host does to /usr and /dev from the others", async () => {
  const lab = new Lab({ seed: 1 });
  const first = lab.addHost("first");
  const look = "ls -l /usr/bin/curl /usr/bin/nc /dev/null /dev/fd; ls /usr/bin | wc -l; ls /usr/local/bin /dev/mine";
  const before = await lab.addHost("second").sh(look);
  const changed = await first.sh(`
    rm /usr/bin/curl
    echo 'echo mine' > /usr/local/bin/own; chmod +x /usr/local/bin/own; own
    chmod 600 /dev/null /usr/bin/nc
    mkdir /dev/mine
    mv /usr/bin/wget /usr/bin/curl
    ${look}`);
  expect(changed.stdout).toContain("mine\n");
  expect(changed.stdout).not.toBe(before.stdout);
  expect(await lab.addHost("third").sh(look)).toEqual(before);
  expect(await new Lab({ seed: 1 }).addHost("second").sh(look)).toEqual(before);
});
