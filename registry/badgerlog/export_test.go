package badgerlog

import (
	"io/fs"
	"log/slog"
)

// OpenSmall is Open with tables in memory of that size, so that a test sees
// badger flush and compact.
func OpenSmall(dir string, memtable int64) (*Log, error) {
	return open(dir, memtable, slog.New(slog.DiscardHandler), (*Log).begin)
}

// WAL is the newest write-ahead log of a closed store that has writes: where
// the last of them begins and ends, and where the last ends that was
// acknowledged, 0 where none was.
type WAL struct {
	Name                    string
	Last, End, Acknowledged int64
}

// ReadWAL returns it; without a name where there is none.
func ReadWAL(dir string) (newest WAL, err error) {
	a, err := openAcknowledged(dir)
	if err != nil {
		return WAL{}, err
	}
	err = each(dir, ".mem", func(name string, _ fs.FileInfo) error {
		w := WAL{Name: name}
		s, _, err := readWAL(name, func(s span, end int64) {
			w.Last, w.End = max(w.End, vlogHeader), end
			if 0 < s.writes && s.writes <= a.writes {
				w.Acknowledged = end
			}
		})
		if s.writes > 0 {
			newest = w
		}
		return err
	})
	if err != nil {
		return WAL{}, err
	}
	return newest, a.close()
}

// Forget has stored hashes read from badger again.
func Forget(l *Log) {
	l.chunks.mu.Lock()
	defer l.chunks.mu.Unlock()
	clear(l.chunks.have)
}

// AcknowledgedSize is how far a closed store says that it was acknowledged.
func AcknowledgedSize(dir string) (int64, error) {
	a, err := openAcknowledged(dir)
	if err != nil {
		return 0, err
	}
	return a.size, a.close()
}
