package postgres_test

import (
	"testing"
	"time"

	"polity/plane"
	"polity/plane/planetest"
	"polity/plane/postgres"
	"polity/plane/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestPlane(t *testing.T) {
	server := postgrestest.Shared(t)
	planetest.Run(t, func(t *testing.T) planetest.Backend {
		address := server.Database(t)
		return planetest.Backend{Open: func(t *testing.T, now func() time.Time) plane.Store {
			s, err := postgres.Open(t.Context(), address, postgres.Config{Now: now, Feed: true})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}}
	})
}
