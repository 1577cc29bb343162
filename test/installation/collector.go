// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// collectorPatience is how long the garbage collector may take: it asks for new kinds every 30 seconds.
const collectorPatience = 90 * time.Second

// CollectorKnows waits until the garbage collector watches Users, as that of a cluster does which is older than one under test. Until then
// it asks the API server for the owner of whatever names one, time and again. Who is deleted in the foreground goes by its doing alone.
func CollectorKnows(ctx context.Context, c client.Client) error {
	user := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{GenerateName: "collected-"}, Spec: v1alpha1.UserSpec{UserName: "collected"}}
	if err := c.Create(ctx, user); err != nil {
		return err
	}
	if err := c.Delete(ctx, user, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		return err
	}
	err := wait.PollUntilContextTimeout(ctx, time.Second, collectorPatience, true, func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKeyFromObject(user), user)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("wait until the garbage collector knows Users: %w", err)
	}
	return nil
}
