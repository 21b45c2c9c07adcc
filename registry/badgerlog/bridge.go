package badgerlog

import (
	"fmt"
	"log/slog"
	"strings"
)

// bridge gives badger's messages to slog. What badger informs of is detail to
// whoever runs a register.
type bridge struct{ *slog.Logger }

func text(format string, args []any) slog.Attr {
	return slog.String("message", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (b bridge) Errorf(format string, args ...any)   { b.Error("badger", text(format, args)) }
func (b bridge) Warningf(format string, args ...any) { b.Warn("badger", text(format, args)) }
func (b bridge) Infof(format string, args ...any)    { b.Debug("badger", text(format, args)) }
func (b bridge) Debugf(format string, args ...any)   { b.Debug("badger", text(format, args)) }
