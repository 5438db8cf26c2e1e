#!/bin/bash
# usage: zz-all.sh [20|28] NN...
gen=$1; shift
rec=recordings; arg=; [ $gen = 28 ] && { rec=recordings-docker28; arg=28; }
K=/work/shared/kernel-lab
for n in "$@"; do
  s=$(ls $K/scenarios/$n*.sh|head -1); o=/tmp/dk/o$gen/$n; rm -rf $o; mkdir -p $o
  timeout 550 npx tsx test/docker/zz-run.mts $s $o $arg 2>&1 | grep -v 'npm warn'
done
