package badgerlog

import (
	"log/slog"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"github.com/safeconduct/safeconduct/registry"
)

// Settings are those that a log in dir opens badger with: for whoever measures
// badger alone beside it.
func Settings(dir string) badger.Options {
	return settings(dir, memtable, slog.New(slog.DiscardHandler))
}

// A database is badger's, which nothing touches any more once it is closed.
// Badger leaves that to its users: it closes its tables, which are memory maps,
// although somebody reads them, and where it notices, it panics. And a log is
// read by requests that did not end in the time that they were given, by mirrors
// and by backups.
type database struct {
	*badger.DB

	mu sync.Mutex
	// users are the transactions that are open; idle is told when the last ends.
	users  int
	idle   sync.Cond
	closed bool
}

func newDatabase(db *badger.DB) *database {
	d := &database{DB: db}
	d.idle.L = &d.mu
	return d
}

// enter begins the use of the database, or returns [registry.ErrClosed]. Whoever
// is in may enter again, and gets that error, too, where the database is being
// closed.
func (d *database) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return registry.ErrClosed
	}
	d.users++
	return nil
}

// leave ends it.
func (d *database) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users--
	if d.users == 0 {
		d.idle.Broadcast()
	}
}

// View is badger's, while the database is open.
func (d *database) View(do func(txn *badger.Txn) error) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return d.DB.View(do)
}

// Update is badger's, while the database is open.
func (d *database) Update(do func(txn *badger.Txn) error) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return d.DB.Update(do)
}

// shut lets nobody in any more, and waits for those who are: badger can be
// closed then. It returns [registry.ErrClosed] where that was done before.
func (d *database) shut() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return registry.ErrClosed
	}
	for d.closed = true; d.users > 0; {
		d.idle.Wait()
	}
	return nil
}
