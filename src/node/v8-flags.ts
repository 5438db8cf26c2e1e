// Imported before anything else by what starts a process. A packet's way is a chain of some sixty small functions, as in
// the kernel; V8 stops putting functions into each other after 920 bytes of bytecode, which is made for larger ones. With room
// for more a forwarded frame takes 640 ns instead of 780 (`npm run bench`: forward_60B), and a scenario starts as quickly.

import { setFlagsFromString } from "node:v8";

setFlagsFromString("--max-inlined-bytecode-size-cumulative=6000");
