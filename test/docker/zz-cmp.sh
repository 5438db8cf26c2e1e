#!/bin/bash
gen=$1; shift
rec=recordings; [ $gen = 28 ] && rec=recordings-docker28
K=/work/shared/kernel-lab
for n in "$@"; do
  r=$(ls -d $K/$rec/$n-*|head -1); o=/tmp/dk/o$gen/$n
  echo "== $n frames"; python3 $K/compare.py $r $o --frames 2>&1 | tail -${T:-40}
  echo "== $n text"; python3 $K/compare_text.py $r/stdout $o/stdout --lines 2>&1 | tail -${T:-60}
  echo "== $n stderr"; head -5 $o/stderr
done
