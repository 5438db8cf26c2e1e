#!/bin/bash
# compare /tmp/dk/X.sh's recording with ours
for x in "$@"; do
  npx tsx test/docker/zz-run.mts /tmp/dk/$x.sh /tmp/dk/o/$x 2>&1 | grep -v "npm warn"
  for s in stdout stderr; do echo "=== $x $s"; diff <(python3 /tmp/dk/norm.py /tmp/dk/$x/$s) <(python3 /tmp/dk/norm.py /tmp/dk/o/$x/$s); done
done
