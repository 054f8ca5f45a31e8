"""Laws of loss in the mixture together with parameters, tokens or repetition.

capacity_competition    Capacity competition: sources share a model's parameters, each getting what lowers the
                        training loss most
dcpt                    D-CPT law: size, tokens and the target's own share
info_law                Information law: the loss falls with the information in the sources, of which repetition
                        yields ever less
joint_effective_tokens  Effective-tokens law over several scales, acting on the token term alone
mixture_index           Mixture-index law, the default over several scales, with its three variants
optimal_mixtures        Laws of optimal mixtures, additive and joint
quality_decay           Decaying utility of repeated pools, weighed against their quality, for mixtures of pools
repeated_mixture        Mixture law for sources that repeat, the default where they do: worth less each epoch, and
                        harmful in the end
"""
