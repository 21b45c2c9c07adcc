package main

import "testing"

func TestEveryDeciderPermitsTheSameScenes(t *testing.T) {
	if err := agree(); err != nil {
		t.Error(err)
	}
}

// BenchmarkDecide is for profiles: go test -run '^$' -bench Decide/Decide/permitted -cpuprofile FILE.
func BenchmarkDecide(b *testing.B) {
	for _, d := range deciders {
		b.Run(d.name, func(b *testing.B) {
			for _, scene := range []string{permittedScene, deniedScene} {
				b.Run(scene, func(b *testing.B) {
					ask, err := d.prepare(sceneNamed(scene))
					if err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					for b.Loop() {
						if _, err := ask(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
