package screening_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/screening"
)

func TestOwnSchemesAreSchemes(t *testing.T) {
	for _, scheme := range screening.OwnSchemes() {
		if _, err := identifier.New(scheme, "1"); err != nil {
			t.Error(err)
		}
	}
}
