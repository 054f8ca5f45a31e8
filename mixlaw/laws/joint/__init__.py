"""Laws of loss in the mixture together with parameters, tokens or repetition.

capacity_competition    Capacity competition: sources share a model's parameters, each getting what lowers the
                        training loss most
dcpt                    D-CPT law: size, tokens and the target's own share
info_law                Information law: the loss falls with the information in the sources, of which repetition
                        yields ever less
joint_effective_tokens  Effective-tokens law over several scales, acting on the token term alone
mixture_index           Mixture-index law, the default over several scales
mixture_index_one_k     Mixture-index law whose three terms share one exponent of the index
mixture_index_shape     Mixture-index law whose sources share one exponent
optimal_mixtures        Additive law of optimal mixtures: the mixture moves the floor
optimal_mixtures_joint  Joint law of optimal mixtures: the mixture moves the floor, the size term and the token term
quality_decay           Decaying utility of repeated pools, weighed against their quality, for mixtures of pools
repeated_mixture        Mixture law for sources that repeat, the default where they do: worth less each epoch, and
                        harmful in the end
three_indices           Mixture-index law with an index of its own for the floor, the size term and the token term
"""
