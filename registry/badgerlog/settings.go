package badgerlog

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

const (
	// memtable is the size of badger's tables in memory, of which there are
	// memtables beside the one in use.
	memtable  = 64 << 20
	memtables = 3
	// level0Stall is at how many tables on level 0 writes wait for compaction.
	level0Stall = 60
	blockSize   = 4 << 10
)

// largestBatch is how much one transaction may have of a table in memory,
// 15 %. The largest batch (4 MiB of leaves and 4,096 entries of histories) has
// less.
func largestBatch(memtable int64) int64 { return memtable * 15 / 100 }

// settings are badger's.
func settings(dir string, memtable int64, logger *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithSyncWrites(true).
		// Badger's largest: every leaf has less and so stays in the LSM tree.
		WithValueThreshold(min(1<<20, largestBatch(memtable))).
		// Nothing goes there.
		WithValueLogFileSize(1 << 20).
		WithMemTableSize(memtable).
		WithNumMemtables(memtables).
		WithBlockSize(blockSize).
		WithBlockCacheSize(64 << 20).
		WithCompression(options.Snappy).
		WithChecksumVerificationMode(options.OnBlockRead).
		// Two compactors and a deep level 0 keep compaction from rewriting
		// leaves while batches are written.
		WithNumCompactors(2).
		WithNumLevelZeroTables(20).
		WithNumLevelZeroTablesStall(level0Stall).
		// There is one writer.
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithLogger(bridge{logger})
}

// memoryLimit is where the garbage collector begins to work hard, in bytes:
// without a limit, compaction of a large log leaves gigabytes of garbage lying.
const memoryLimit = 1100 << 20

// LimitMemory sets the garbage collector's limit for a process that is there to
// keep a log, unless the environment's GOMEMLIMIT does.
func LimitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
