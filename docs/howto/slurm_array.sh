#!/bin/bash
# A suite as a SLURM job array, then its page by a job that waits for the whole array.
#
#     bash slurm_array.sh SUITE [SHARDS]
#
# Run it on the login node, in a folder that all nodes see; results/ and reports/ are made there.
# Submit it again to go on after a time limit: what is stored is not done again.
#
#SBATCH --job-name=genbench
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=genbench-%A-%a.log

set -euo pipefail

suite=${1:?usage: bash slurm_array.sh SUITE [SHARDS]}
shards=${2:-16}
folders=(--results "$PWD/results" --reports "$PWD/reports")

# source "$PWD/venv/bin/activate"   # whatever makes `python -m genbench` work on a node

if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then
    # One task of the array. srun passes the signals of SLURM on: a run that is stopped
    # keeps the epoch that it was in.
    exec srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
        python -m genbench run --suite "$suite" --shard "$SLURM_ARRAY_TASK_ID/$shards" "${folders[@]}"
fi

if [[ -n ${SLURM_JOB_ID:-} ]]; then
    # The job after the array: it trains nothing.
    exec srun python -m genbench report --suite "$(basename "$suite" .toml)" "${folders[@]}"
fi

array=$(sbatch --parsable --array="1-$shards" "$0" "$suite" "$shards")
sbatch --dependency="afterany:${array%%;*}" --cpus-per-task=1 --time=00:30:00 \
    --output=genbench-report-%j.log "$0" "$suite" "$shards"
