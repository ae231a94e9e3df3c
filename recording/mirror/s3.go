package mirror

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"polity/city"
)

// S3Config names a store that speaks S3.
type S3Config struct {
	Address string // https://HOST[:PORT]; http:// only for a machine of one's own
	Region  string // empty: us-east-1, which stores without regions take
	Bucket  string // it is there already
	Prefix  string // put before each name; empty: none
	User    string // access key
	Secret  string // it appears in no error
}

// S3 is a Place in a store that speaks S3.
type S3 struct {
	client *minio.Client
	cfg    S3Config
}

// NewS3 returns the place. The store is not asked yet. Errors are of kind Invalid.
func NewS3(cfg S3Config) (*S3, error) {
	u, err := url.Parse(cfg.Address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return nil, city.Errorf(city.Invalid, "address of the S3 store: write https://HOST, without folder, name or password")
	}
	if cfg.Bucket == "" || cfg.User == "" || cfg.Secret == "" {
		return nil, city.Errorf(city.Invalid, "S3 store %s: bucket, access key and secret are needed", u.Host)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Prefix != "" {
		cfg.Prefix = strings.Trim(cfg.Prefix, "/") + "/"
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(cfg.User, cfg.Secret, ""), Secure: u.Scheme == "https", Region: cfg.Region, BucketLookup: minio.BucketLookupPath,
		MaxRetries: 3,
	})
	if err != nil {
		return nil, city.Errorf(city.Invalid, "S3 store %s: %w", u.Host, err)
	}
	return &S3{client: client, cfg: cfg}, nil
}

// Have implements Place.
func (s *S3) Have(ctx context.Context, folder string) (map[string]int64, error) {
	have := map[string]int64{}
	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends the listing where an error does
	for o := range s.client.ListObjects(ctx, s.cfg.Bucket, minio.ListObjectsOptions{Prefix: s.cfg.Prefix + folder + "/", Recursive: true}) {
		if o.Err != nil {
			return nil, s.failed("list", o.Err)
		}
		have[strings.TrimPrefix(o.Key, s.cfg.Prefix)] = o.Size
	}
	return have, nil
}

// Put implements Place. The store is sent an MD5, so that it refuses what was damaged on
// its way.
func (s *S3) Put(ctx context.Context, name string, r io.ReadSeeker, size int64) error {
	info, err := s.client.PutObject(ctx, s.cfg.Bucket, s.cfg.Prefix+name, r, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", SendContentMd5: true, DisableMultipart: true,
	})
	if err != nil {
		return s.failed("write "+name, err)
	}
	if info.Size != size {
		return s.failed("write "+name, io.ErrShortWrite)
	}
	return nil
}

// Remove implements Place.
func (s *S3) Remove(ctx context.Context, name string) error {
	if err := s.client.RemoveObject(ctx, s.cfg.Bucket, s.cfg.Prefix+name, minio.RemoveObjectOptions{}); err != nil {
		return s.failed("remove "+name, err)
	}
	return nil
}

func (s *S3) failed(what string, err error) error {
	return city.Errorf(city.Unavailable, "S3 store %s, bucket %s: %w", s.client.EndpointURL().Host, s.cfg.Bucket, fmt.Errorf("%s: %w", what, err))
}
