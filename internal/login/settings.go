// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func isRefused(err error) bool { return errors.Is(err, oidc.ErrRefused) }

// settings say how people can log in, by the Directories as they are now.
func (s *Service) settings(ctx context.Context, _ *attempt) (any, error) {
	var list v1alpha1.DirectoryList
	if err := s.Client.List(ctx, &list); err != nil {
		return nil, unavailable("the API server", err)
	}
	settings := wire.Settings{Cluster: wire.Cluster{Server: s.Cluster.Server, CA: s.Cluster.CA}, Directories: []wire.Directory{}}
	for i := range list.Items {
		d := &list.Items[i]
		policy, allowed := session.PolicyOf(d)
		if !allowed || !d.DeletionTimestamp.IsZero() {
			continue
		}
		told := wire.Directory{Name: d.Name, Password: policy.Password, DeviceKeys: policy.DeviceKeys}
		if o := d.Spec.Login.OIDC; o != nil {
			// An authority that cannot be read leaves the system's: the client then says that it cannot verify the provider.
			ca, _ := s.Providers.CA(ctx, d)
			told.OIDC = &wire.OIDC{IssuerURL: o.IssuerURL, ClientID: o.ClientID, Scopes: scopes(o), CA: ca, Recheck: policy.Recheck > 0}
		}
		settings.Directories = append(settings.Directories, told)
	}
	slices.SortFunc(settings.Directories, func(a, b wire.Directory) int { return strings.Compare(a.Name, b.Name) })
	return settings, nil
}

func scopes(o *v1alpha1.OIDCLogin) []string {
	if len(o.Scopes) == 0 {
		return []string{"openid", "profile"}
	}
	return append([]string{"openid"}, o.Scopes...)
}
