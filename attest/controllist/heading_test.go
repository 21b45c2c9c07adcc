package controllist_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest/controllist"
)

func ExampleEntry_Headings() {
	e, err := controllist.Parse(controllist.USCCL, "5A001.b.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range e.Headings() {
		fmt.Printf("%s: %s\n", h.Part, h.Title)
	}
	// Output:
	// Category 5: Telecommunications and Information Security
	// Product group A: Systems, Equipment and Components
}

func TestAnEntryStandsUnderTheHeadingsOfItsList(t *testing.T) {
	for _, row := range []struct{ list, entry, want string }{
		{controllist.USCCL, "0A501", "Category 0: Nuclear Materials, Facilities and Equipment and Miscellaneous; Product group A: Systems, Equipment and Components"},
		{controllist.USCCL, "1C350.d.7", "Category 1: Materials, Chemicals, Microorganisms, and Toxins; Product group C: Materials"},
		{controllist.USCCL, "6D003", "Category 6: Sensors and Lasers; Product group D: Software"},
		{controllist.USCCL, "9E003.a.11", "Category 9: Aerospace and Propulsion; Product group E: Technology"},
		{controllist.USCCL, "EAR99", "EAR99: Subject to the EAR and not elsewhere specified on the list"},
		{controllist.EUDualUse, "0B001b", "Category 0: Nuclear Materials, Facilities and Equipment; Product group B: Test, Inspection and Production Equipment"},
		{controllist.Wassenaar, "8.A.1", "Category 8: Marine; Product group A: Systems, Equipment and Components"},
		{controllist.Wassenaar, "ML9.a", "Munitions List: Wassenaar Arrangement Munitions List"},
		{controllist.INSCOMET, "2A001", "Category 2: Micro-organisms, toxins"},
		{controllist.INSCOMET, "6A001.a.1", "Category 6: Munitions List"},
		{controllist.USUSML, "I(a)", "Category I: Firearms and Related Articles"},
		{controllist.USUSML, "XI(a)(3)(ii)", "Category XI: Military Electronics"},
		{controllist.USUSML, "XX", "Category XX: Submersible Vessels and Related Articles"},
		{controllist.USUSML, "XXI(a)", "Category XXI: Articles, Technical Data, and Defense Services Not Otherwise Enumerated"},
	} {
		e, err := controllist.Parse(row.list, row.entry)
		if err != nil {
			t.Fatal(err)
		}
		if got := headings(e); got != row.want {
			t.Errorf("%s %s stands under %q, want %q", row.list, row.entry, got, row.want)
		}
	}
	if got := headings(controllist.Entry{}); got != "" {
		t.Errorf("no entry stands under %q", got)
	}
}

// Whatever Parse reads has a heading with a title, and its list a source.
func TestEveryEntryHasAHeadingAndItsListASource(t *testing.T) {
	for _, row := range entries {
		if controllist.Source(row.list) == "" {
			t.Errorf("the list %s has no source", row.list)
		}
		for _, s := range strings.Fields(row.good) {
			e, err := controllist.Parse(row.list, s)
			if err != nil {
				t.Fatal(err)
			}
			hs := e.Headings()
			if len(hs) == 0 {
				t.Errorf("%s %s has no heading", row.list, s)
			}
			for _, h := range hs {
				if h.Part == "" || h.Title == "" {
					t.Errorf("%s %s stands under %+v", row.list, s, h)
				}
			}
		}
	}
	if controllist.Source("X") != "" {
		t.Error("an unknown list has a source")
	}
}

func headings(e controllist.Entry) string {
	var out []string
	for _, h := range e.Headings() {
		out = append(out, h.Part+": "+h.Title)
	}
	return strings.Join(out, "; ")
}
